"""The vault as a part of intake."""

from services.intake.stored import Store
from services.intake.vault.cipher import Vault
from services.intake.vault.reads import VaultReader
from services.intake.vault.routes import NamesOf, make_vault_router
from shared.parts import Part
from shared.web.gate import Gate


def build(store: Store, vault: Vault, pseudonym_key: bytes, gate: Gate, names_of: NamesOf) -> Part:
    """Lets the other services read, each read on record; `names_of` says in which reports a person is named."""
    return Part([make_vault_router(VaultReader(store, vault), gate, pseudonym_key, names_of)])
