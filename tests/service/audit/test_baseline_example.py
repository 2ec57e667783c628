"""The worked example of docs/baseline.md is true: each row leads to the scorecard that the page tells."""

import pytest

from tests.support.baseline_example import EVENT, WIKI, Example, read_rows
from tests.support.scorecard_record import HOUR, START, attested


@pytest.mark.parametrize("community", [WIKI, EVENT])
async def test_each_row_of_the_worked_example_leads_to_its_scorecard(community: str) -> None:
    example, levels = Example(community, START), []
    await example.record.tell((attested(), "enwiki", START - HOUR))
    await example.record.seal(START - HOUR)
    await example.record.advance()
    assert not (await example.card()).is_assessed
    for row in read_rows(community):
        await example.carry_out(row)
        card = await example.card()
        outcomes = {item.responsibility_id: item.outcome.value for item in card.items}
        told = (card.level_reached, {name: outcomes[name] for name in row.outcomes})
        assert told == (row.level, row.outcomes), (row.day, row.does)
        levels.append(card.level_reached)
    assert (levels[0], max(levels)) == (0, 2)
