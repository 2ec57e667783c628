"""The page of worked incidents, made from the incidents that are tested."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from tests.support.incidents import FILES, read

PAGE = Path(__file__).parent.parent.parent / "docs" / "worked-incidents.md"
_INTRODUCTION = """\
# Ten worked incidents

Made by `make examples` from `tests/cases/incidents`. Each story is a test: `tests/service/shared/test_incidents.py`
leads it through all four services by their APIs, lets the days pass, and asserts what stands here. People, accounts and
words are made up. [case-lifecycle.md](case-lifecycle.md) has each command and state, and [access.md](access.md) who may
give it.

At the end of each story the facts that an auditor reads give exactly the case that is stored. No event and no planned
mail has a word or a name of it.
"""
_ENDS = {
    "outcome": "outcome", "kept": "clocks kept", "missed": "clocks missed", "measures": "measures",
    "disclosed": "what the respondent got of the particulars", "agreements": "agreements kept",
    "check_ins": "answers to check-ins", "mails": "mails to the reporter", "record": "the record has, in this order",
}  # fmt: skip


def write_page() -> str:
    """The whole page."""
    incidents = [read(path) for path in FILES]
    index = "".join(f"- [{one['title']}](#{_anchor(n, one)})\n" for n, one in enumerate(incidents, 1))
    return "\n".join([_INTRODUCTION, index, *("\n".join(_story(n, one)) for n, one in enumerate(incidents, 1))])


def _anchor(number: int, incident: Mapping[str, Any]) -> str:
    title = "".join(sign for sign in incident["title"].lower() if sign.isalnum() or sign in " -")
    return f"{number}-{title.replace(' ', '-')}"


def _story(number: int, incident: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {number}. {incident['title']}\n"
    yield _wrapped(f"Enforcement Guidelines: {incident['guideline']}\n")
    yield ""
    for place, step in enumerate(incident["step"], 1):
        yield _wrapped(f"{place}. {step['told']}{_done(step)}", " " * (len(str(place)) + 2))
    for end in incident["end"]:
        yield f"\n| at the end of {end.get('case', 'the case')} | |\n| --- | --- |"
        yield f"| state | `{end['state']}` |"
        for name, label in _ENDS.items():
            if end.get(name):
                yield f"| {label} | {_listed(end[name])} |"
        yield f"| the reporter sees | {', '.join(f'{key} {_said(value)}' for key, value in end['reporter'].items())} |"
    yield ""


def _done(step: Mapping[str, Any]) -> str:
    parts = []
    if goes := step.get("goes"):
        clocks = ", ".join(f"`{clock}` {span}" for clock, span in goes["clocks"].items())
        parts.append(f"rule `{goes['rule']}`, body `{goes['body']}`, lane `{goes['lane']}`, clocks {clocks}")
    if "gives" in step:
        parts.append(
            f"{step['who']}: `{step['gives']}`" + (f", refused `{step['refused']}`" if "refused" in step else "")
        )
    if "state" in step:
        parts.append(f"state `{step['state']}`")
    return f" ({'; '.join(parts)})" if parts else ""


def _listed(value: Any) -> str:
    if isinstance(value, str):
        return f"`{value}`"
    return ", ".join(f"`{' '.join(one) if isinstance(one, list) else one}`" for one in value)


def _said(value: Any) -> str:
    return "none" if value is False else f"“{value}”" if " " in str(value) else f"`{value}`"


def _wrapped(text: str, indent: str = "") -> str:
    return fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
