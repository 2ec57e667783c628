"""How many examples Hypothesis makes up, and by what chance.

`make test` tries the same examples in every run, so that it fails for the change and never by chance. `make fuzz` tries
ten times as many that no run has tried before, and prints the seed that repeats them.
"""

from typing import Any

from hypothesis import settings

REPEATABLE, FUZZ = "repeatable", "fuzz"
MANY = 10


def register_profiles() -> None:
    """Make the two profiles known, and load the repeatable one; `--hypothesis-profile` loads another one later."""
    # How long an example takes says more about the machine's other work than about the code.
    settings.register_profile(REPEATABLE, deadline=None, derandomize=True)
    settings.register_profile(FUZZ, deadline=None, max_examples=100 * MANY, print_blob=True, database=None)
    settings.load_profile(REPEATABLE)


def up_to(examples: int, *, searching: int | None = None, **options: Any) -> settings:
    """Settings of a test that tries at most so many examples; the profile that searches tries ten times as many.

    `searching`: so many of them instead of ten times as many.
    """
    profile = settings.default
    assert profile is not None
    more = profile.max_examples // 100
    return settings(max_examples=searching if searching and more > 1 else examples * more, **options)
