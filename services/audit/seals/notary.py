"""Signing checkpoints. Ed25519 is deterministic: a checkpoint follows from its head, and none is stored."""

from dataclasses import dataclass
from functools import cached_property

from services.audit.record.log import DamagedError, Head
from services.audit.tlog.note import Checkpoint, NoteSigner, sign_checkpoint


@dataclass(frozen=True)
class Signed:
    """A checkpoint that this process vouches for. Its note is signed when it is first read."""

    checkpoint: Checkpoint
    signer: NoteSigner

    @property
    def size(self) -> int:
        """How many entries it covers."""
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        """The root of these entries."""
        return self.checkpoint.root

    @cached_property
    def note(self) -> str:
        """The signed checkpoint."""
        return sign_checkpoint(self.checkpoint, [self.signer])


class Notary:
    """Signs committed heads, and remembers the last that it signed of each log.

    It refuses a head that contradicts the last one, however that head came into the store.
    """

    def __init__(self, signer: NoteSigner, origin: str) -> None:
        self._signer = signer
        self._origin = origin
        self._signed: dict[str, Signed] = {}

    def sign(self, head: Head) -> Signed:
        """The signed checkpoint of a log at its head, or a later one if a later one was signed here.

        Raises DamagedError when this size was signed with another root.
        """
        last = self._signed.get(head.log)
        if last is not None and head.size == last.size and head.root != last.root:
            raise DamagedError(f"{head.log}: another root was signed for size {head.size}")
        if last is None or head.size > last.size:
            checkpoint = Checkpoint(f"{self._origin}/{head.log}", head.size, head.root)
            last = self._signed[head.log] = Signed(checkpoint, self._signer)
        return last
