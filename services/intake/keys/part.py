"""The master keys as a part of intake."""

from services.intake.keys.pace import PACE, Pace
from services.intake.keys.replicas import REPLICA_INDEXES, Replicas
from services.intake.keys.rewrap import WrappedKeys
from services.intake.keys.settings import KeySettings
from services.intake.keys.watcher import KeyringWatcher
from services.intake.vault.cipher import Vault
from shared.parts import Part
from shared.runtime import Runtime


def build(runtime: Runtime, settings: KeySettings, keyring: str, vault: Vault, pace: Pace = PACE) -> Part:
    """Gives the vault its master keys, before anything is consumed and whenever the keyring changes.

    `keyring`: the keyring's text, where no file of it can be read.
    """
    replicas, reports = Replicas(runtime.database["keyrings"]), WrappedKeys(runtime.database["reports"])
    watcher = KeyringWatcher(vault, settings, keyring, reports, replicas, pace)
    watcher.report_to(runtime.readiness.say)
    return Part(
        indexes=[(replicas.collection, REPLICA_INDEXES)],
        tasks=[watcher.run],
        stops=[watcher.leave],
        prepare=[watcher.loaded],
    )
