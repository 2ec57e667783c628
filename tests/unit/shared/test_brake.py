"""Wrong answers leave at a pace; however many there are, what is held is bounded."""

import asyncio
from dataclasses import dataclass, field

from shared.brake import A_SECOND, AT_ONCE, LONGEST, MOST_HELD, Brake


@dataclass
class Time:
    """A clock that moves by hand, and sleeps that end when the test says so."""

    at: float = 1000.0
    slept: list[float] = field(default_factory=list)
    awake: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.awake.wait()


async def test_the_first_wrong_answers_wait_for_nothing_and_the_next_for_their_turn() -> None:
    time = Time()
    brake = Brake("receipt", time, time.sleep)
    held = [asyncio.create_task(brake.hold()) for _ in range(AT_ONCE + 5)]
    await asyncio.sleep(0)
    assert [round(seconds * A_SECOND) for seconds in time.slept] == [1, 2, 3, 4, 5]
    time.awake.set()
    await asyncio.gather(*held)
    time.at += AT_ONCE / A_SECOND + 1
    time.slept.clear()
    for _ in range(AT_ONCE):
        await brake.hold()
    assert time.slept == []


async def test_no_answer_is_held_for_long_and_no_more_than_there_is_room_for() -> None:
    time = Time()
    brake = Brake("receipt", time, time.sleep)
    held = [asyncio.create_task(brake.hold()) for _ in range(AT_ONCE + MOST_HELD + 1000)]
    await asyncio.sleep(0)
    assert len(time.slept) == MOST_HELD
    assert max(time.slept) <= LONGEST
    assert sum(task.done() for task in held) == AT_ONCE + 1000
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    # Callers that went away have left their places.
    time.slept.clear()
    again = asyncio.create_task(brake.hold())
    await asyncio.sleep(0)
    assert time.slept == [LONGEST]
    time.awake.set()
    await again
