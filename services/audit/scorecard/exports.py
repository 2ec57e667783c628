"""A scorecard for other programs: as a table for spreadsheets, for a wiki page, and as an evaluation log of Gemara."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NotRequired
from urllib.parse import quote

from typing_extensions import TypedDict

from services.audit.scorecard.document import ItemDocument, RangeDocument, write_document, write_time
from services.audit.scorecard.result import Item, Outcome, Scorecard
from services.audit.scorecard.views import Words, safe_link, standing_of, tell_reason, tell_standing, tell_step
from shared.i18n.messages import message_key
from shared.spreadsheet import write_lines

COLUMNS = (
    "community", "kind", "as_of", "sealed", "catalogue_version", "level_reached", "responsibility", "level", "group",
    "counts", "requirement", "outcome", "reason", "since", "claim", "statement", "link", "made_at", "ends_at",
    "confirmed", "annotation", "metric", "op", "limit", "unit", "holds", "value", "count_least", "count_most",
    "n_least", "n_most", "open_least", "open_most", "event_id", "log", "index",
)  # fmt: skip
ALL_COLUMNS = (
    "community", "kind", "as_of", "sealed", "catalogue_version", "assessed", "level_reached", "next_level_missing",
    "digest",
)  # fmt: skip
GEMARA_RESULTS = {
    Outcome.MET: "Passed",
    Outcome.NOT_MET: "Failed",
    Outcome.NEEDS_REVIEW: "Needs Review",
    Outcome.NOT_APPLICABLE: "Not Applicable",
    Outcome.NO_EVIDENCE: "Unknown",
    Outcome.UPCOMING: "Not Run",
}
CATALOGUE = "hearth-baseline"
_AS_REFERENCES = {ord(sign): f"&#{ord(sign)};" for sign in map(chr, range(128)) if not re.match(r"[\w ,.()?]", sign)}
_AS_REFERENCES |= {ord(sign): f"&#{ord(sign)};" for sign in "_\uff3f"}
"""Also the wide underscore: magic words of Japanese are written with it."""
_MAGIC = re.compile(r"\b(?:RFC|PMID|ISBN)\b")
"""MediaWiki turns these words and the number behind them into links."""
_CONTROLS = ("Cc", "Cs")
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def write_csv(card: Scorecard, words: Words, *, values: bool) -> bytes:
    """One line for each responsibility, in UTF-8. No cell is a formula."""
    document = write_document(card, values=values)
    head = (
        card.community, card.kind, document["as_of"]["at"], card.as_of.sealed, card.catalogue_version,
        card.level_reached,
    )  # fmt: skip
    return write_lines(COLUMNS, ((*head, *_cells(item, words)) for item in document["items"]))


def write_csv_of_all(cards: Iterable[Scorecard]) -> bytes:
    """One line for each community, in UTF-8. No cell is a formula."""
    return write_lines(
        ALL_COLUMNS,
        (
            (
                card.community, card.kind, write_time(card.as_of.at), card.as_of.sealed, card.catalogue_version,
                card.is_assessed, card.level_reached, " ".join(card.next_level_missing), card.digest,
            )
            for card in cards
        ),
    )  # fmt: skip


def write_wikitext(card: Scorecard, name: str, address: str, words: Words) -> str:
    """A table to paste on a wiki page. What people wrote stands as text, whatever wikitext it holds.

    `address`: that of the scorecard's page.
    """
    standing = tell_standing(standing_of(card), words)
    caption = words.text("scorecard-wikitext-caption", name, standing, words.day(card.as_of.at))
    lines = [
        '{| class="wikitable"',
        f"|+ {_wiki(caption)} [{_wiki_link(address)} {_wiki(words.text('scorecard-wikitext-more'))}]",
    ]
    lines.append("! " + " !! ".join(_wiki(words.text(f"scorecard-{column}")) for column in _WIKI_COLUMNS))
    for item in card.items:
        link = safe_link(item.attested.link) if item.attested else None
        shown = f" [{_wiki_link(link)} {_wiki(words.text('scorecard-link'))}]" if link else ""
        statement = _wiki(item.attested.statement) if item.attested else ""
        cells = (
            _wiki(words.requirement(item.responsibility_id)),
            str(item.level),
            _wiki(words.text(message_key("scorecard-outcome", item.outcome.value))),
            _wiki(tell_reason(item, card.as_of.at, words)),
            f"{statement}{shown}",
        )
        lines += ["|-", "| " + " || ".join(cells)]
    return "\n".join([*lines, "|}", ""])


_WIKI_COLUMNS = ("responsibility", "level", "outcome", "reason", "statement")


GemaraEntry = TypedDict("GemaraEntry", {"reference-id": str, "entry-id": str})
"""An entry of a catalogue."""


class GemaraAssessment(TypedDict):
    """How one responsibility was looked at."""

    requirement: GemaraEntry
    procedure: GemaraEntry
    description: str
    result: str
    message: str
    applicability: list[str]
    steps: list[str]
    start: str
    end: str
    recommendation: NotRequired[str]


GemaraEvaluation = TypedDict(
    "GemaraEvaluation",
    {"name": str, "result": str, "message": str, "control": GemaraEntry, "assessment-logs": list[GemaraAssessment]},
)
"""The result of one responsibility."""


class GemaraCatalogue(TypedDict):
    """A catalogue, and its version."""

    id: str
    title: str
    version: str


class GemaraAuthor(TypedDict):
    """The author of a log."""

    name: str
    uri: str


GemaraMetadata = TypedDict(
    "GemaraMetadata",
    {"id": str, "version": str, "author": GemaraAuthor, "mapping-references": list[GemaraCatalogue]},
)
"""What a log is about, and which version of it."""


class GemaraLog(TypedDict):
    """An evaluation log of Gemara, layer 4."""

    metadata: GemaraMetadata
    evaluations: list[GemaraEvaluation]


def write_gemara(card: Scorecard, name: str, address: str, words: Words) -> GemaraLog:
    """An evaluation log in the shape of Gemara, layer 4 (ossf/gemara, schemas/layer-4.cue)."""
    return {
        "metadata": {
            "id": f"{card.community}-{card.as_of.sealed}",
            "version": card.digest,
            "author": {"name": "Hearth", "uri": address},
            "mapping-references": [
                {"id": CATALOGUE, "title": words.text("scorecard-title"), "version": card.catalogue_version}
            ],
        },
        "evaluations": [_evaluation(card, item, name, words) for item in card.items],
    }


def _evaluation(card: Scorecard, item: Item, name: str, words: Words) -> GemaraEvaluation:
    entry: GemaraEntry = {"reference-id": CATALOGUE, "entry-id": item.responsibility_id}
    result, reason = GEMARA_RESULTS[item.outcome], tell_reason(item, card.as_of.at, words)
    step = tell_step(item, words)
    kind = "measured" if item.measured else "attested"
    assessment: GemaraAssessment = {
        "requirement": entry,
        "procedure": {"reference-id": CATALOGUE, "entry-id": f"{item.responsibility_id}-{kind}"},
        "description": words.requirement(item.responsibility_id),
        "result": result,
        "message": reason,
        "applicability": [name],
        "steps": [item.reason.value],
        "start": write_time(card.as_of.at),
        "end": write_time(card.as_of.at),
    }
    if step:
        assessment["recommendation"] = step
    return {
        "name": words.requirement(item.responsibility_id),
        "result": result,
        "message": reason,
        "control": entry,
        "assessment-logs": [assessment],
    }


def _cells(item: ItemDocument, words: Words) -> Sequence[object]:
    said, measured = item["attested"], item["measured"]
    values = measured["values"] if measured else None
    return (
        item["id"], item["level"], item["group"], item["counts"], words.requirement(item["id"]), item["outcome"],
        item["reason"], item["since"],
        *((said["claim"], said["statement"], said["link"], said["made_at"], said["ends_at"], said["confirmed"])
          if said else [None] * 6),
        item["annotation"],
        *((measured["metric"], measured["op"], measured["limit"], measured["unit"], measured["holds"])
          if measured else [None] * 5),
        values["value"] if values else None,
        *_ends(values["count"] if values else None),
        *_ends(values["n"] if values else None),
        *_ends(values["open"] if values else None),
        *((said["proof"]["event_id"], said["proof"]["log"], said["proof"]["index"]) if said else [None] * 3),
    )  # fmt: skip


def _ends(count: RangeDocument | None) -> tuple[int | None, int | None]:
    return (count["least"], count["most"]) if count else (None, None)


def _wiki(text: str) -> str:
    """A text that is no wikitext: every sign that could be markup becomes a character reference."""
    return _MAGIC.sub(lambda found: f"&#{ord(found[0][0])};{found[0][1:]}", _one_line(text).translate(_AS_REFERENCES))


def _one_line(text: str) -> str:
    """Without controls, and without signs that turn the direction of what follows, also outside the cell."""
    kept = (
        sign for sign in text if sign.isspace() or not (unicodedata.category(sign) in _CONTROLS or sign in _TURNING)
    )
    return " ".join("".join(kept).split())


def _wiki_link(address: str) -> str:
    """An address in which MediaWiki finds neither a magic word nor a signature: it looks for these also in links."""
    return quote(address, safe="/:?#@!$&()*+,;=%-.").replace("~", "%7E").replace("__", "%5F%5F")
