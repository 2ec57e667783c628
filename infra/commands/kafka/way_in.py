"""What an integrator must know to get into Kafka, in the words of Kafka's clients."""

from dataclasses import dataclass

from infra.acls import group_of
from shared.kafka.topics import topics_of


@dataclass(frozen=True, slots=True)
class WayIn:
    """The way of one integrator into Kafka. `is_open`: Kafka asks nobody who they are."""

    user: str
    address: str
    prefix: str
    is_open: bool
    is_encrypted: bool

    def needs(self) -> dict[str, str]:
        """The settings of a client, and the names of the topics and of the consumer group."""
        inbox, outcomes = topics_of(self.user)
        found = {"bootstrap.servers": self.address}
        if self.is_open:
            found["security.protocol"] = "PLAINTEXT"
        else:
            found["security.protocol"] = "SASL_SSL" if self.is_encrypted else "SASL_PLAINTEXT"
            found["sasl.mechanism"] = "SCRAM-SHA-512"
            found["sasl.username"] = self.user
        return found | {
            "inbox": self.prefix + inbox.name,
            "outcomes": self.prefix + outcomes.name,
            "group.id": group_of(self.user, self.prefix),
        }

    def text(self, password: str | None) -> str:
        """All of it for people. `password`: one that was just made, which nothing shows again."""
        needs = self.needs()
        lines = [f"{self.user} may write to {needs['inbox']}. Give the integrator:"]
        lines += [f"  {name:<18} {value}" for name, value in needs.items()]
        if password:
            lines.append(f"  {'sasl.password':<18} {password}   (shown once)")
        if self.is_encrypted:
            lines.append("and ca.pem, by which its client knows this Kafka.")
        token = f"hearth token issue --source {self.user} --community COMMUNITY --expires DATE"
        lines.append(f"Intake takes its reports once its source has a token: {token}")
        return "\n".join(lines)
