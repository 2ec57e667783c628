"""Entity tags come back as proxies changed them."""

import time

import pytest
from starlette.requests import Request

from shared.problems import Problem
from shared.web.etags import is_known, tags_in
from shared.web.idempotency import seen_of
from tests.support.cases import cases


def asking(if_match: str) -> Request:
    return Request({"type": "http", "headers": [(b"if-match", if_match.encode("latin-1"))]})


@pytest.mark.parametrize("tag", cases("changed_etags"))
def test_a_version_is_known_by_a_tag_that_a_proxy_changed(tag: str) -> None:
    assert seen_of(asking(tag)) == 3
    assert is_known(tag, "3")
    assert is_known(f'"1", {tag}', "3")


@pytest.mark.parametrize(
    "tag",
    ["", "*", '"3", "4"', '"x"', '"3-4"', '"3x"', '"3-"', '"-3"', '"3-gzippo"', "3 4", '"\xb3"', '"3", x'],
)  # fmt: skip
def test_what_is_no_version_is_refused(tag: str) -> None:
    with pytest.raises(Problem, match="version-malformed"):
        seen_of(asking(tag))


@pytest.mark.parametrize("run", ["-gz", "-x-gzip", ";br", "--identity"])
def test_a_long_run_of_codings_takes_little_time(run: str) -> None:
    began = time.process_time()
    assert not is_known(run * (15_000 // len(run)) + "x", "3")
    assert time.process_time() - began < 0.5


def test_a_reader_without_a_tag_has_nothing() -> None:
    assert not is_known(None, "3")
    assert not is_known("", "3")
    assert is_known("*", "3")
    assert tags_in('W/"a-gzip", "b;br" , c') == {"a", "b", "c"}
