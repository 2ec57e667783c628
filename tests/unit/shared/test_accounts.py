"""Which spellings mean one account. Two people must never become one."""

from itertools import combinations

import pytest

from shared.names import account_of, count_people, known_by_account

ONE = (
    "Zed Zulu", "zed_Zulu", " Zed  Zulu\u200e", "User:Zed_Zulu", "user: zed Zulu", "Benutzerin:Zed Zulu",
    "利用者:Zed_Zulu",    "Zed Zulu@global", "User:Zed Zulu@global", "[[User:Zed Zulu]]", "[[:user:zed Zulu|Zed Zulu]]",
    "Special:Contributions/Zed_Zulu", "https://en.wikipedia.org/wiki/User:Zed_Zulu",
    "https://de.m.wikipedia.org/wiki/Benutzer:Zed%20Zulu", "http://meta.wikimedia.org/wiki/User:Zed_Zulu#top",
    "https://fr.wiktionary.org/w/index.php?title=Utilisateur:Zed+Zulu",
)  # fmt: skip
OTHERS = (
    # Capitals tell accounts apart, and so does all but the first letter.
    "Zed zulu", "ZED ZULU", "zedzulu", "Zed-Zulu", "Zéd Zulu", "Zеd Zulu",
    # An account that was renamed because another one has its name.
    "Zed Zulu~enwiki",
    # Names on other sites.
    "Zed Zulu@telegram", "@Zed Zulu", "zed@global@example.org", "https://zed.fandom.com/wiki/User:Zed_Zulu_",
    "https://wiki.example.org/wiki/User:Zed_Zulu", "https://en.wikipedia.org.example/wiki/User:Zed_Zulu",
    "https://wikitech.wikimedia.org/wiki/User:Zed_Zulu", "https://notwikipedia.org/wiki/User:Zed_Zulu",
    "https://en.wikipedia.org@example.org/wiki/User:Zed_Zulu",
    # Pages that others write on, or that belong to an account of another name.
    "User talk:Zed Zulu", "https://en.wikipedia.org/wiki/User_talk:Zed_Zulu", "User:Zed Zulu/Notes",
    "https://en.wikipedia.org/w/index.php?title=User:Zed_Zulu&diff=17", "https://en.wikipedia.org/wiki/Zed_Zulu",
    "https://en.wikipedia.org/wiki/User:Zed_Zulu?oldid=3", "Team:Zed Zulu",
    # Lines that mean more people, or one of them in other words.
    "Zed Zulu and Anna", "Zed Zulu, Anna", "the brother of Zed Zulu", "Zed Zulu (red shirt)", "[[User:Zed Zulu|Anna]]",
    "[[User:Zed Zulu]] [[User:Anna]]", "Zed", "Zulu", "192.0.2.7", "User:192.0.2.8", "2001:db8::1", "zed@zulu.example",
    # Signs that cannot be read are not the same signs.
    "https://en.wikipedia.org/wiki/User:%FF", "https://en.wikipedia.org/wiki/User:%FE", "[[User:]]", "User:", "https://[",
)  # fmt: skip


@pytest.mark.parametrize("line", ONE, ids=[str(number) for number in range(len(ONE))])
def test_spellings_of_one_account_are_one(line: str) -> None:
    assert account_of(line) == "Zed Zulu"


def test_two_people_never_become_one() -> None:
    assert [pair for pair in combinations(("Zed Zulu", *OTHERS), 2) if len(set(map(account_of, pair))) == 1] == []


@pytest.mark.parametrize(
    ("setting", "kind", "flags", "known"),
    [
        ("online", "wiki", (), True),
        ("online", "wiki", ("ongoing",), True),
        ("online", "wiki", ("ongoing", "off_wiki"), False),
        ("in_person", "wiki", (), False),
        ("hybrid", "wiki", (), False),
        *(("online", kind, (), False) for kind in ("affiliate", "event", "technical_space", "global", None)),
    ],
)
def test_people_are_known_by_account_on_wikis_alone(
    setting: str, kind: str | None, flags: tuple[str, ...], *, known: bool
) -> None:
    assert known_by_account(setting, kind, flags) is known


def test_tokens_whose_names_mean_one_account_stand_for_one_person() -> None:
    named = {"a": "Zed", "b": "User:Zed", "c": "Ann"}
    assert [count_people(tokens, named) for tokens in ("ab", "abc", "abx", "xy", "")] == [1, 2, 2, 2, 0]
