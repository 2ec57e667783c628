"""Who is there to talk with: by community and language, at the moments that the policy names."""

from dataclasses import replace
from pathlib import Path

import pytest

from shared.policy import PolicyError, load_policy
from shared.policy.peer_support import PeerSupportDirectory

OWN = """offered = ["status"]

[[peer_support]]
id = "peer-support-network"
name = "Peer Support Network"
languages = ["en", "fr"]
url = "https://peer-support.example/"

[[peer_support]]
id = "east-africa"
name = "Wenzetu Peer Support"
languages = ["sw", "en"]
communities = ["swwiki"]
region = "East Africa"
email = "wenzetu@peer-support.example"
"""


@pytest.fixture
def directory(tmp_path: Path) -> PeerSupportDirectory:
    (tmp_path / "peer_support.toml").write_text(OWN, encoding="utf-8")
    return load_policy(tmp_path).peer_support


def test_those_who_speak_the_language_and_belong_to_the_community_come_first(
    directory: PeerSupportDirectory,
) -> None:
    assert [one.name for one in directory.at("status", "swwiki", "sw-ke")] == [
        "Wenzetu Peer Support", "Peer Support Network",
    ]  # fmt: skip
    assert next(one.name for one in directory.at("status", "swwiki", "fr")) == "Peer Support Network"
    assert [one.name for one in directory.at("status", "enwiki", "sw")] == ["Peer Support Network"]


def test_nothing_is_offered_at_a_moment_that_the_policy_does_not_name() -> None:
    assert replace(load_policy().peer_support, offered=frozenset({"desk"})).at("status", "enwiki", "en") == ()


def test_the_shipped_file_fits_communities_of_any_deployment() -> None:
    assert all(one.communities is None for one in load_policy().peer_support.entries)


def test_what_is_offered_has_to_be_there_for_every_community(tmp_path: Path) -> None:
    row = (
        '[[peer_support]]\nid = "a"\nname = "A"\nlanguages = ["sw"]\ncommunities = ["swwiki"]\nemail = "a@b.example"\n'
    )
    (tmp_path / "peer_support.toml").write_text(f'offered = ["status"]\n{row}', encoding="utf-8")
    with pytest.raises(PolicyError, match=r"peer_support.toml:2: peer_support: no row is there for every community"):
        load_policy(tmp_path)
    lonely = row.replace('email = "a@b.example"\n', "")
    (tmp_path / "peer_support.toml").write_text(f"offered = []\n{lonely}", encoding="utf-8")
    with pytest.raises(PolicyError, match=r"peer_support.toml:2: peer_support a: nobody can reach it"):
        load_policy(tmp_path)
    (tmp_path / "peer_support.toml").write_text("offered = []\n", encoding="utf-8")
    assert load_policy(tmp_path).peer_support.at("status", "swwiki", "sw") == ()
