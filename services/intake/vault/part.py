"""The vault as a part of intake."""

from services.intake.mentions import Mentions, Naming
from services.intake.stored import Secrets, Store
from services.intake.vault.cipher import Vault
from services.intake.vault.identity import Identities
from services.intake.vault.names import NameKeySource
from services.intake.vault.reads import VaultReader
from services.intake.vault.routes import Hinting, Imports, make_vault_router
from services.intake.vault.store import TICKETS_INDEX, MongoTicketUses
from shared.access.access_log import ACCESS_INDEXES, AccessLog
from shared.access.roster import Roster
from shared.parts import Part
from shared.policy import Policy
from shared.runtime import Runtime
from shared.setting_kinds import listed
from shared.sign_in.providers import make_prover
from shared.sign_in.settings import ProverSettings
from shared.web.gate import Gate


def build(
    runtime: Runtime,
    store: Store,
    vault: Vault,
    mentions: Mentions,
    policy: Policy,
    settings: ProverSettings,
    secrets: Secrets,
    gate: Gate,
    roster: Roster,
    imports: Imports,
    hints: Hinting,
) -> Part:
    """Lets the other services read, each read on record.

    `roster` says in which reports a person is named, and with `policy` who is told who reported.
    """
    prover, uses = make_prover(settings, settings.public_url), MongoTicketUses(runtime.database["tickets"])
    keys = NameKeySource(
        prover, listed(settings.sign_in_clients), settings.identity_key, secrets.pseudonyms, roster, uses
    )
    accesses = runtime.aggregates("accesses")
    log = AccessLog("intake", accesses)
    reader = VaultReader(store, vault, mentions, log, Identities(policy, roster), secrets.pepper)
    return Part(
        [make_vault_router(reader, Naming(store, mentions), imports, hints, gate, keys, roster.names_of)],
        indexes=[(accesses.collection, ACCESS_INDEXES), (uses.collection, [TICKETS_INDEX])],
        stops=[prover.aclose],
    )
