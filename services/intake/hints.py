"""Reports that Hearth makes itself: triage counts what a community misses, and the policy calls it systemic."""

from services.intake.actions import Submissions
from services.intake.report.submission import Submission
from services.intake.sources.arrival import Arrival
from shared.events import PATTERN_CHANNEL


class Hints:
    """Takes what triage counts as a report that names nobody, so that the body for it handles it as any other."""

    def __init__(self, submissions: Submissions) -> None:
        self._submissions = submissions

    async def take(self, community: str, flag: str, key: str, words: str) -> None:
        """Store the report, once for each key. On return it is durable. Raises Unavailable."""
        said = Submission.model_construct(
            community=community, flags=(flag,), privacy="anonymous", narrative=words, setting="online"
        )
        arrival = Arrival(PATTERN_CHANNEL, said, scope=PATTERN_CHANNEL, key=f"{community}\x1f{key}")
        await self._submissions.take_in([arrival])
