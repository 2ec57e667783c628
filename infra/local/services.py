"""The four services as the local stack runs them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """A service of ours: `python -m <module>`, on its usual port."""

    name: str
    module: str
    port: int


SERVICES = {
    service.name: service
    for service in (
        Service("intake", "services.intake", 8001),
        Service("triage", "services.triage", 8002),
        Service("notification", "services.notification", 8003),
        Service("audit", "services.audit", 8004),
    )
}
