"""The four services as the local stack runs them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """A service of ours: `python -m <module>`, on its usual port.

    `address` is the setting that holds its own address; `client` what a sign-in provider calls it (none: nobody signs
    in there).
    """

    name: str
    module: str
    port: int
    address: str
    client: str | None = None

    def own_settings(self, address: str) -> dict[str, str]:
        """What it has to know of itself, once it is known where it answers."""
        client = {"HEARTH_SIGN_IN_CLIENT_ID": self.client} if self.client else {}
        return {self.address: address, **client}


SERVICES = {
    service.name: service
    for service in (
        Service("intake", "services.intake", 8001, "HEARTH_PUBLIC_URL"),
        Service("triage", "services.triage", 8002, "HEARTH_DESK_URL", "hearth-desk"),
        Service("notification", "services.notification", 8003, "HEARTH_OUTBOX_URL", "hearth-outbox"),
        Service("audit", "services.audit", 8004, "HEARTH_AUDIT_URL", "hearth-audit"),
    )
}
