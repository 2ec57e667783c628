"""The four services as the local stack runs them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """A service of ours: `python -m <module>`, on its usual port.

    `address` is the setting with its own address. `client` is its name at a sign-in provider (None: nobody signs in
    there).
    """

    name: str
    module: str
    port: int
    address: str
    client: str | None = None

    def own_settings(self, address: str) -> dict[str, str]:
        """Settings about the service itself, once its address is known."""
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
