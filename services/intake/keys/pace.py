"""How long everything that keeps the keyring waits, in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """The waits of running intakes and of rotations. The defaults fit together; tests hand in shorter ones."""

    look: float = 2.0
    """Between two looks at the keyring's file; a rotation waits until every replica has looked."""
    tell: float = 5.0
    """Between two signs that a replica gives."""
    check: float = 300.0
    """Between two looks at the master keys that stored reports need; sooner when the keyring has changed."""
    recheck: float = 15.0
    """Between two such looks while a master key is missing."""
    settle: float = 90.0
    """After which no vault seals by an older confirmation (vault.cipher.FRESH), and all it sealed is written."""
    lease: float = 20.0
    """For which a rotation has the right to change the keyring, unless it renews the lease."""
    ask: float = 0.5
    """Between two questions of a rotation, while it waits for replicas, for the lease or for MongoDB."""
    outage: float = 120.0
    """For which MongoDB may be away before a rotation gives up; the next run goes on with it."""


PACE = Pace()
