"""The policy without the clock of updates, for tests of the other clocks."""

from dataclasses import replace

from shared.policy import Policy


def without_updates(policy: Policy) -> Policy:
    """The same policy, in which nobody is owed updates."""
    kept = {name: rule for name, rule in policy.deadlines.items() if rule.starts != "last_update"}
    return replace(policy, deadlines=kept)
