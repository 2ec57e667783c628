"""Which facts notification reads, and what it does about them."""

from services.notification.actions import Planner
from services.notification.routing.summary import FOLLOWED
from services.notification.routing.table import Routes
from shared.events import FACTS
from shared.runtime import Runtime


def consume(runtime: Runtime, planner: Planner, routes: Routes) -> None:
    """Read from `reports` and `cases` the facts that have a row in routing.toml, and those that summaries follow."""
    for topic in ("reports", "cases"):
        facts = [fact for fact in FACTS.values() if fact.topic == topic]
        runtime.consume_facts(topic, [f for f in facts if f.name in routes or f in FOLLOWED], planner.plan)
