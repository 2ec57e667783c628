"""Where the handling bodies of a case may order what goes on: in its own community, and where they handle cases."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from services.triage.case.case import Case
from shared.policy import Policy
from shared.problems import FieldError

_TOO_WIDE = FieldError("/scope", "out_of_reach", "No body that handles this orders what holds everywhere.")
_NOT_THEIRS = FieldError("/project", "out_of_reach", "No body of this case handles cases of that community.")


def may_order(bodies: Collection[str], scope: str, community: str, policy: Policy) -> bool:
    """Whether one of these bodies may order a measure of this scope, in this community."""
    able = policy.handle_all if scope in policy.boundless else policy.handled_by.get(community, frozenset())
    return not able.isdisjoint(bodies)


def reach_faults(
    case: Case, bodies: Collection[str], scope: str, project: str | None, policy: Policy
) -> Iterable[FieldError]:
    """A scope or a project that is beyond these bodies of a case. Its own community is not: they handle the case."""
    if not scope:
        return
    if scope in policy.boundless:
        if not may_order(bodies, scope, case.community, policy):
            yield _TOO_WIDE
    elif project and project != case.community and not may_order(bodies, scope, project, policy):
        yield _NOT_THEIRS


def within(case: Case, bodies: Collection[str], policy: Policy) -> Mapping[str, Sequence[str]]:
    """The scopes and the projects that these bodies of a case can choose."""
    scopes = (scope for scope in policy.scopes if not any(reach_faults(case, bodies, scope, None, policy)))
    bound = next((scope for scope in policy.scopes if scope not in policy.boundless), "")
    projects = (one for one in policy.communities if not any(reach_faults(case, bodies, bound, one, policy)))
    return {"scope": tuple(scopes), "project": tuple(projects)}
