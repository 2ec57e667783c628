"""Where reports come from: one reader for each format of each channel, in the order of this table. Pure.

What cannot be read is refused in the terms of its channel: to a program as a Problem, to a person as a form with marks,
to Kafka as Malformed, for the dead letters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from services.intake.sources.api import read_api
from services.intake.sources.arrival import Context, Parsed, Raw
from services.intake.sources.cloudevents import is_binary, read_binary
from services.intake.sources.form import read_filled_form
from services.intake.sources.in_body import read_in_body
from services.intake.sources.names import Names, names_in_body, names_in_headers


@dataclass(frozen=True, slots=True)
class Source:
    """A format of a channel: which messages are in it (by their headers), and how they are read.

    `names`: what the writer (by name) calls the submissions in a message, also in one that is refused.
    """

    channel: str
    claims: Callable[[Mapping[str, str]], bool]
    read: Callable[[Raw, Context], Parsed]
    names: Callable[[Raw, str], Names] = names_in_body


def _any(_: Mapping[str, str]) -> bool:
    return True


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "api": Source("http", _any, read_api),
        "form": Source("form", _any, read_filled_form),
        "kafka-headers": Source("kafka", is_binary, read_binary, names_in_headers),
        # Where no header claims an event, it stands whole in the body.
        "kafka-body": Source("kafka", _any, read_in_body),
    }
)


def read(raw: Raw, context: Context) -> Parsed:
    """What the first source of its channel makes of it that claims it. Raises what that source raises."""
    return _source_of(raw).read(raw, context)


def names_in(raw: Raw, writer: str) -> Names:
    """What this integrator calls the submissions in a message; None for one without a usable name."""
    return _source_of(raw).names(raw, writer)


def _source_of(raw: Raw) -> Source:
    for source in SOURCES.values():
        if source.channel == raw.channel and source.claims(raw.headers):
            return source
    raise LookupError(f"no source reads {raw.channel}")
