"""Which step of a case keeps which promise of the policy (deadlines.toml): one table for the desk and for reporters.

What the desk calls kept, the reporter's status page calls kept, and the other way round.
"""

from collections.abc import Mapping
from types import MappingProxyType

from shared.events import CaseDecided, CaseFact, CaseTriaged, InformationRequested, InvestigationStarted

KEPT_BY: Mapping[str, tuple[type[CaseFact], ...]] = MappingProxyType(
    {
        # Being given a case is not yet acting on it.
        "emergency_action": (InvestigationStarted,),
        "child_protection_action": (InvestigationStarted,),
        # The receipt is given before; from now on the status page says that a handling body has the report. Whether a
        # mail went out as well does not count: `notifications` and the record tell that.
        "acknowledgement": (CaseTriaged,),
        # A response is something the reporter can read.
        "first_response": (InformationRequested, CaseDecided),
        "decision": (CaseDecided,),
    }
)
