"""A report goes on with a trace of its own: what a stranger calls it by is linked, and stands in no event."""

from tests.support import intake_rig
from tests.support.intake_rig import Rig

GIVEN = "0123456789abcdef0123456789abcdef"
TRACE = {"traceparent": f"00-{GIVEN}-0123456789abcdef-01"}
REPORT = {"community": "enwiki", "narrative": "They followed me."}


async def test_the_trace_id_of_a_stranger_stands_in_no_event() -> None:
    rig = Rig()
    async with rig.http() as http:
        for headers in ({}, {"Authorization": "Basic a.b.c"}, {"Cookie": "a=Bearer a.b.c"}):
            await http.post("/v1/reports", json=REPORT, headers={**TRACE, **headers})
        refused = await http.post("/v1/reports", json=REPORT, headers={**TRACE, "Authorization": "Bearer a.b.c"})
    assert refused.status_code == 401
    assert rig.store.events()
    assert GIVEN not in f"{rig.store.reports}{rig.store.accesses}"


async def test_what_a_service_asks_belongs_to_its_own_trace() -> None:
    rig = Rig()
    stored = await rig.post()
    read = {"purpose": "review", "reads": [{"report_id": stored["report_id"], "sections": ["content"]}]}
    async with rig.http() as http:
        answer = await http.post("/v1/vault/read", json=read, headers={**TRACE, **intake_rig.bearer()})
    assert answer.status_code == 200
    assert GIVEN in f"{rig.store.accesses}"
