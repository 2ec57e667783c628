"""Code names: what people call a case. Two neutral words, derived from the case id, so that replicas agree on them.

People have names of the same words (shared.people_names).
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from shared.code_words import ADJECTIVES, NOUNS, pair_of

PLAIN_ATTEMPTS = 3
"""How many pairs of words a case may try before a number is added, once the deployment has used most pairs."""


def code_name_of(case_id: str, attempt: int = 0) -> str:
    """The code name of a case; the next one for each `attempt` (from 0) at which it turned out to be taken."""
    adjective, noun, number = pair_of(f"{case_id}/{attempt}")
    if attempt < PLAIN_ATTEMPTS:
        return f"{adjective}-{noun}"
    # One digit more for each further attempt: names never run out, and stay as short as they can be.
    digits = attempt - PLAIN_ATTEMPTS + 2
    return f"{adjective}-{noun}-{number % 10**digits:0{digits}d}"


def names_like(text: str) -> list[str]:
    """The beginnings of code names that a person may mean by this text: a name, or one word of it, with slips.

    Empty for a text that is like no name.
    """
    words = re.findall(r"[a-z]+", text.lower())
    number = re.search(r"[0-9]+", text)
    if not 1 <= len(words) <= 2:
        return []
    first, last = _words_like(words[0], ADJECTIVES), _words_like(words[-1], NOUNS)
    if len(words) == 2:
        return [f"{one}-{other}{f'-{number[0]}' if number else ''}" for one in first for other in last]
    return [*(f"{word}-" for word in first), *(f"{one}-{word}" for word in last for one in ADJECTIVES)]


def _words_like(typed: str, known: Sequence[str]) -> list[str]:
    """At most three words that a person may mean: the same, those that begin so, or else those that look alike."""
    if typed in known:
        return [typed]
    begin = [word for word in known if len(typed) > 2 and word.startswith(typed)]
    return begin[:3] or get_close_matches(typed, known, n=3, cutoff=0.75)
