"""The vault as a part of intake."""

from services.intake.stored import Store
from services.intake.vault.cipher import Vault
from services.intake.vault.reads import VaultReader
from services.intake.vault.routes import NamesOf, make_vault_router
from shared.access.access_log import AccessLog
from shared.aggregates import OUTBOX_INDEX
from shared.parts import Part
from shared.runtime import Runtime
from shared.web.gate import Gate


def build(runtime: Runtime, store: Store, vault: Vault, pseudonym_key: bytes, gate: Gate, names_of: NamesOf) -> Part:
    """Lets the other services read, each read on record; `names_of` says in which reports a person is named."""
    accesses = runtime.aggregates("accesses")
    reader = VaultReader(store, vault, AccessLog("intake", accesses))
    router = make_vault_router(reader, gate, pseudonym_key, names_of)
    return Part([router], indexes=[(accesses.collection, [OUTBOX_INDEX])])
