"""Each row of the table of forgiven calls is answered like the call that it means."""

import pytest

from services.intake.sources.forgiving import CALLS, Call, TypedCall
from tests.support.intake_rig import Rig


@pytest.mark.parametrize("row", CALLS, ids=lambda row: f"{row.place}: {row.odd}")
async def test_a_forgiven_call_is_answered_like_the_one_that_it_means(row: TypedCall) -> None:
    rig = Rig()
    typed, plain = await ask(rig, row.typed), await ask(rig, row.plain)
    assert typed == plain
    assert typed[0] in (200, 304)


async def ask(rig: Rig, call: Call) -> tuple[int, dict[str, str]]:
    async with rig.http() as http:
        answer = await http.request(call.method, call.path, headers=call.headers)
    lasting = ("content-type", "content-language", "etag", "cache-control", "location")
    return answer.status_code, {name: answer.headers[name] for name in lasting if name in answer.headers}
