"""The people of measures from before Hearth: the vault keeps each as the report of a case that other handlers decided.

Nobody reported anything, so no service hears of a report: only who is named in it is told, to shut them out.
"""

from collections.abc import Sequence

from services.intake.actions import Submissions
from services.intake.answers import MeasureKept
from services.intake.mentions import Mentions
from services.intake.report.submission import Reported, Submission
from services.intake.sources.arrival import Arrival
from services.intake.stored import Store
from shared.events import MEASURE_CHANNEL


class ImportedPeople:
    """Keeps the people of measures that are brought into the register."""

    def __init__(self, store: Store, submissions: Submissions, mentions: Mentions) -> None:
        self._store = store
        self._submissions = submissions
        self._mentions = mentions

    async def keep(self, measures: Sequence[tuple[str, str, str, str]]) -> list[MeasureKept]:
        """What became of each measure, in their order: community, key of its own there, name of the person, words.

        On return they are durable. A measure that is kept already stays as it is: `same` says whether it is this one.
        Raises Unavailable while the store is away, or before the roster was ever read.
        """
        arrivals = [_arrival(*measure) for measure in measures]
        made = [await self._submissions.prepare_untold(arrival) for arrival in arrivals]
        await self._store.save(list({change.id: change for change in made}.values()))
        stored = await self._store.load({change.id for change in made})
        kept: list[MeasureKept] = []
        for change, arrival in zip(made, arrivals, strict=True):
            report = stored[change.id]
            people = {"people": [{"name": one.name} for one in arrival.submission.reported]}
            told = self._mentions.with_tokens(report, people)["people"] if report.vault else []
            kept.append(
                {
                    "report_id": report.id,
                    "subjects": [one["party"] for one in told],
                    "same": self._submissions.is_same(report, arrival),
                    "erased": report.vault is None,
                }
            )
        return kept


def _arrival(community: str, key: str, name: str, words: str) -> Arrival:
    # Triage has checked the row, and the vault takes words of people as they are.
    said = Submission.model_construct(
        community=community,
        privacy="confidential",
        narrative=words,
        reported=(Reported.model_construct(name=name, details=None),),
    )
    return Arrival(MEASURE_CHANNEL, said, scope=MEASURE_CHANNEL, key=f"{community}\x1f{key}")
