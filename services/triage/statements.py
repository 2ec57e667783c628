"""What handlers wrote about a case, as far as a reader may read it."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import orjson

from shared.clients.vault import Contents


def without_statements(contents: Contents, kind: str, shown: Collection[str | None]) -> Contents:
    """The contents without the statements of this kind that are not among the ids `shown`.

    A mention that may stand in such a statement alone is left out as well, because it would give a word of it away.
    """
    written: Any = contents.sections.get("correspondence")
    statements = written.get("statements", ()) if written else ()
    said = [one for one in statements if one.get("kind") != kind or one["id"] in shown]
    if len(said) == len(statements):
        return contents
    sections = {**contents.sections, "correspondence": {**written, "statements": said}}
    if mentions := sections.get("mentions"):
        text = _words({name: section for name, section in sections.items() if name != "mentions"})
        items = [one for one in mentions.get("items", ()) if _words(one["words"]).strip('"') in text]
        sections["mentions"] = {**mentions, "items": items}
    return replace(contents, sections=sections)


def _words(value: object) -> str:
    return orjson.dumps(value).decode().casefold()
