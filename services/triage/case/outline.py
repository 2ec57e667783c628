"""What the body sees of a case that is asked to take it over or to join it, before it answers. Pure."""

from dataclasses import replace

from services.triage.case.case import Case


def outline_of(case: Case) -> Case:
    """The code name, category, community, lane, deadlines and referral or invitation. Nothing else is told.

    So whatever shows a case shows a body that is asked no more than that. The one step of its history is the one
    that asks, under the version that the case has now.
    """
    asked = case.asked
    assert asked is not None  # noqa: S101  # nobody else sees an outline
    step = next(step for step in reversed(case.history) if step.at == asked.at and step.detail == asked.to_body)
    return Case(
        id=case.id,
        report_id=case.report_id,
        code_name=case.code_name,
        community=case.community,
        category=case.category,
        flags=(),
        setting="",
        language="",
        privacy="",
        contactable=False,
        received_at=case.received_at,
        state=case.state,
        history=(replace(step, seq=case.seq),),
        lane=case.lane,
        body=case.body,
        deadlines=case.deadlines,
        deadlines_told=case.deadlines_told,
        referrals=(asked,),
    )
