"""Facts that intake writes to `erasures`: which content is gone for good. A restored database is brought up to them."""

from typing import ClassVar

from shared.events.envelope import Fact


class ReportErased(Fact):
    """The data keys of a report were destroyed: nobody can read its content, its questions or its answers any more.

    `reason` is a code, `request_id` names the request that it followed, `rule` the row of the retention policy if it
    was due by one.
    """

    topic: ClassVar[str] = "erasures"
    name: ClassVar[str] = "report.erased"

    report_id: str
    reason: str
    request_id: str
    rule: str | None = None
