"""What is odd in what strangers send, and what becomes of it: forgiven and remarked, or refused. Pure.

A test reads each example, and `hearth forgiving doc` writes docs/integrate/forgiving.md from this table. A row more is
all that a page and a test need.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from services.intake.report.submission import MOST_NAMES
from services.intake.sources.cloudevents import BATCHED, STRUCTURED
from services.intake.sources.mending import MOST_UNKNOWN

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
"""When the examples are read."""
REPORT: Mapping[str, Any] = {"community": "enwiki", "narrative": "Something happened."}
CLOUDEVENT: Mapping[str, str] = {
    "specversion": "1.0", "id": "1", "source": "event-app", "type": "hearth.report.submitted.v1",
}  # fmt: skip
PLATFORM: Mapping[str, Any] = {
    "$schema": "/hearth/report/submitted/1.0.0",
    "dt": "2026-11-28T11:59:00Z",
    "meta": {"stream": "event-app", "id": "1", "dt": "2026-11-28T11:59:30Z"},
    "report": REPORT,
}


@dataclass(frozen=True, slots=True)
class Example:
    """What came: the channel, its headers by lower-case name, and its body. `writer`: who alone writes the inbox."""

    channel: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    writer: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One oddity of a place: what it is, what Hearth makes of it, and the codes that say so.

    Codes of what is forgiven are those of remarks; without one, it is not odd enough to be said. Codes of what is
    refused are those of fields over HTTP, of a dead letter over Kafka, and of messages in the form.
    """

    place: str
    odd: str
    becomes: str
    codes: tuple[str, ...]
    example: Example


@dataclass(frozen=True, slots=True)
class Call:
    """A request without a body."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TypedCall:
    """A way in which an address or a header comes, and the call that it is answered like."""

    place: str
    odd: str
    becomes: str
    typed: Call
    plain: Call


def http(report: object, **headers: str) -> Example:
    """A call of POST /v1/reports. A report that is text is sent as it stands."""
    return Example("http", _bytes(report), {name.replace("_", "-"): text for name, text in headers.items()})


def binary(report: object = REPORT, **attributes: str | None) -> Example:
    """A CloudEvent in binary mode, with these attributes changed; None leaves one out."""
    given = {**CLOUDEVENT, **attributes}
    return Example("kafka", _bytes(report), {f"ce_{name}": text for name, text in given.items() if text is not None})


def structured(**attributes: Any) -> Example:
    """A CloudEvent in structured mode, with these attributes changed."""
    event = {**CLOUDEVENT, "data": REPORT, **attributes}
    return Example("kafka", _bytes(event), {"content-type": STRUCTURED})


def platform(meta: Mapping[str, Any] | None = None, **changed: Any) -> Example:
    """An event of the Event Platform, with these fields changed."""
    return Example("kafka", _bytes({**PLATFORM, "meta": {**PLATFORM["meta"], **(meta or {})}, **changed}))


def own(example: Example) -> Example:
    """The same in the inbox of one integrator."""
    return replace(example, writer=CLOUDEVENT["source"])


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


_TEXT = json.dumps(dict(REPORT))
_JSON, _REPORT, _TEXTS, _CE = "JSON", "The report", "Texts", "CloudEvents"
_EP, _KEY, _ADDRESS = "Event Platform", "Headers of HTTP", "Addresses"
_TAKEN, _SAME = "the time counts at which Kafka took it", "the same bytes are the same report"
_OWN = "in an inbox of its own: "

FORGIVEN: tuple[Row, ...] = (
    Row(_JSON, "a byte order mark before it", "read without it", ("byte_order_mark",), http("\ufeff" + _TEXT)),
    Row(_JSON, "half of a character (one surrogate of two), as an escape or as bytes", "U+FFFD stands in its place",
        ("half_a_character",), http('{"community": "enwiki", "narrative": "help \\ud83d"}')),
    Row(_REPORT, "`null` in any field, or in a list", "as if it were not there", (),
        http({**REPORT, "category": None, "flags": [None], "reporter": {"name": None, "email": None}})),
    Row(_REPORT, "an object, such as `occurred`, that holds nothing but `null`", "as if it were not there", (),
        http({**REPORT, "occurred": {"at": None, "from": None, "to": None}})),
    Row(_REPORT, "`language` as a locale of POSIX or Java, or as a list of a browser", "the tag that it means: `en-US`",
        ("language_rewritten",), http({**REPORT, "language": "en_US.UTF-8"})),
    Row(_REPORT, "anything else as `language`, such as `*`, `i-klingon` or a number", "English", ("language_unknown",),
        http({**REPORT, "language": "no such language"})),
    Row(_REPORT, "over Kafka: a field that Hearth does not know, looks like none that is missing, and names nobody",
        "kept in the vault with the report until it is erased; no page shows it", ("unknown_field",),
        binary({**REPORT, "app_version": "2.0"})),
    Row(_REPORT, f"over Kafka: more than {MOST_UNKNOWN // 1024} KiB of such fields, or objects in them that are nested "
        "deeper than 20", "the field is not kept", ("unknown_field_lost",), binary({**REPORT, "log": "x" * 20_000})),
    Row(_TEXTS, "marks that copying brings along: a byte order mark, blanks without width, soft hyphens, direction "
        "marks without a partner, control characters", "cleaned", (),
        http({**REPORT, "witnesses": ["\ufeffExample\u200b User\u00ad\u200e\u0000"]})),
    Row(_TEXTS, "joiners, marks on letters, and pairs of direction marks inside a text", "kept", (),
        http({**REPORT, "witnesses": ["ක්\u200dෂ \u2067مثال\u2069 x"]})),
    Row(_TEXTS, "blanks of any script and width, and tabs", "blanks", (),
        http({**REPORT, "witnesses": ["\u3000山田\u3000太郎\t"]})),
    Row(_TEXTS, "blanks and marks around a code, such as that of the community", "passed over", (),
        http({**REPORT, "community": " enwiki\u200b", "privacy": "named\ufeff "})),
    Row(_TEXTS, "around or within a time or a day: blanks, marks of copying, wide signs, long dashes, digits of any "
        "script", "read as the time that it names", (),
        http({**REPORT, "occurred": {"at": "\ufeff２０２６-11-27T12：00：00Ｚ\u200e "}})),
    Row(_TEXTS, "a link to a title with percent signs: what they mean is counted", "kept as it is", (),
        http({**REPORT, "places": ["https://hi.wikipedia.org/wiki/" + "%E0%A4%B8" * 255]})),
    Row(_TEXTS, "letters of several code points, such as a letter with its marks: each counts as one", "kept", (),
        http({**REPORT, "witnesses": ["नि" * 300]})),
    Row(_REPORT, "a mail address of any script, in letters of full width, or with a dot behind its domain",
        "taken; mail goes to its domain by IDNA 2008", (),
        http({**REPORT, "reporter": {"email": "用户＠例子。example."}})),
    Row(_REPORT, "a mail address with dots in odd places, with quotes around them or without",
        "taken; mail goes to it with quotes", (),
        http({**REPORT, "reporter": {"email": "first..last@docomo.example"}})),
    Row(_CE, "`time` cannot be read, or has no offset", "not used", ("unreadable",),
        binary(time="2026-11-28T03:00:00")),
    Row(_CE, "`time` is ahead", "not used", ("ahead",), binary(time="2030-01-01T00:00:00Z")),
    Row(_CE, "`time` is before 1900", "not used", ("too_old",), binary(time="1601-01-01T00:00:00Z")),
    Row(_CE, _OWN + "`source` is missing", "its writer is the source", ("missing",), own(binary(source=None))),
    Row(_CE, "`specversion` is missing", "read as 1.0", ("missing",), binary(specversion=None)),
    Row(_CE, "`specversion` is no version", "read as 1.0", ("unreadable",), binary(specversion="latest")),
    Row(_CE, "`specversion` has another minor version", "read as 1.0", ("later_minor",), binary(specversion="1.1")),
    Row(_CE, "`type` without a version", "read as v1", ("no_version",), binary(type="hearth.report.submitted")),
    Row(_CE, "`type` with a later minor version", "read", ("later_minor",),
        binary(type="hearth.report.submitted.v1.4")),
    Row(_CE, "`subject`, `dataschema`, `datacontenttype`, or an extension: of any form", "not used", (),
        structured(subject=5, dataschema="nonsense", datacontenttype="text/plain", comexample=[1])),
    Row(_CE, "`data_base64` is `null`", "as if it were not there", (), structured(data_base64=None)),
    Row(_CE, "headers begin with `ce-`, as over HTTP", "read", ("header_prefix",),
        Example("kafka", _bytes(_TEXT), {f"ce-{name}": text for name, text in CLOUDEVENT.items()})),
    Row(_CE, "`data_base64` in lines, with the letters for addresses, or without `=` at its end", "read", (),
        structured(data=None, data_base64=urlsafe_b64encode(_bytes(REPORT)).decode().rstrip("=") + "\n")),
    Row(_CE, "blanks and marks of copying around `type` or `specversion`", "passed over", (),
        structured(type=" hearth.report.submitted.v1\ufeff", specversion="1.0 ")),
    Row(_CE, "structured, without the header `content-type`", "read", ("content_type",),
        Example("kafka", _bytes({**CLOUDEVENT, "data": REPORT}))),
    Row(_CE, "one event, and `content-type` says that there are several, or the other way round", "read",
        ("content_type",),
        Example("kafka", _bytes({**CLOUDEVENT, "data": REPORT}), {"content-type": BATCHED})),
    Row(_EP, "`content-type` is one of CloudEvents", "read", ("content_type",),
        Example("kafka", platform().body, {"content-type": STRUCTURED})),
    Row(_EP, "a later minor version of `$schema`", "read", ("later_minor",),
        platform({}, **{"$schema": "/hearth/report/submitted/1.1.0"})),
    Row(_EP, "a field beside `report` that Hearth does not know: it tells of the way of the event, such as `http`",
        "not used, and not kept", (), platform({"request_id": "x"}, http={"client_ip": "192.0.2.1"})),
    Row(_EP, "`dt` is missing", "`meta.dt` counts", (), platform({}, dt=None)),
    Row(_EP, "`dt` is ahead", "`meta.dt` counts", ("ahead",),
        platform({"dt": "2026-11-28T11:59:00Z"}, dt="2026-11-28T12:10:00Z")),
    Row(_EP, "`dt` is before 1900", "`meta.dt` counts", ("too_old",), platform({}, dt="1601-01-01T00:00:00Z")),
    Row(_EP, "`dt` cannot be read", "`meta.dt` counts", ("unreadable",), platform({}, dt="yesterday")),
    Row(_EP, "`meta.dt` is ahead", _TAKEN, ("ahead",), platform({"dt": "2026-11-28T13:00:00Z"})),
    Row(_EP, "`meta.dt` is before 1900", _TAKEN, ("too_old",), platform({"dt": "1601-01-01T00:00:00Z"})),
    Row(_EP, "`meta.dt` cannot be read", _TAKEN, ("unreadable",), platform({"dt": "yesterday"})),
    Row(_EP, _OWN + "`meta.stream` is missing", "its writer is the source", ("missing",),
        own(platform({"stream": None}))),
    Row(_EP, "`meta.id` is missing", _SAME, ("missing",), platform({"id": None})),
    Row(_EP, "`meta.id` is no text, or has more than 1000 characters", _SAME, ("unreadable",), platform({"id": 7})),
    Row(_KEY, "without a token: an `Idempotency-Key` that is no UUID, and that another program may use, too",
        "not used: each call is a report of its own", ("key_not_random",), http(REPORT, idempotency_key="00001234")),
)  # fmt: skip

REFUSED: tuple[Row, ...] = (
    Row(_JSON, "bytes that are not UTF-8, such as Latin-1 or UTF-16", "refused", ("malformed-json",),
        http(b'{"narrative": "\xff"}')),
    Row(_REPORT, "`null` in a field that a report needs", "refused", ("string_type",),
        http({**REPORT, "narrative": None})),
    Row(_REPORT, "over HTTP: a field that Hearth does not know (the sender hears it, and a slip must not change the "
        "report)", "refused", ("extra_forbidden",), http({**REPORT, "app_version": "2.0"})),
    Row(_REPORT, "over Kafka: an unknown field that by its name says who is concerned, or how much of them is known "
        "(such as `anonymous`, `reporter_name` or `accused`)", "refused", ("invalid_data",),
        binary({**REPORT, "isAnonymous": True})),
    Row(_REPORT, "over Kafka: a field that looks like one that is missing", "refused", ("invalid_data",),
        binary({**REPORT, "Privacy": "anonymous"})),
    Row(_REPORT, "a number, a truth value or a date in place of a text, or the other way round", "refused",
        ("string_type",), http({**REPORT, "narrative": 5})),
    Row(_TEXTS, "a text that shows nothing where one is needed", "refused", ("blank",),
        http({**REPORT, "witnesses": ["\u200b\u3164"]})),
    Row(_TEXTS, "a line break inside a name: it would be two names", "refused", ("control_characters",),
        http({**REPORT, "witnesses": ["Example\nUser"]})),
    Row(_TEXTS, "more characters than the limit of the field, or than that of all texts together", "refused",
        ("whole_too_long",),
        http({**REPORT, "reported": [{"name": "Example User", "details": "x" * 10_000} for _ in range(16)]})),
    Row(_TEXTS, f"more than {MOST_NAMES} names in all lines of `reported`, or of `witnesses`: none is passed over in "
        "silence", "refused", ("too_many_names",), http({**REPORT, "witnesses": [",".join("a" * 100)] * 21})),
    Row(_REPORT, "a text of digits as a time, in whatever script", "refused", ("datetime_parsing",),
        http({**REPORT, "occurred": {"at": "20261128"}})),
    Row(_REPORT, "a time without an offset", "refused", ("timezone_aware",),
        http({**REPORT, "occurred": {"at": "2026-11-28T03:00:00"}})),
    Row(_REPORT, "a mail address that mail cannot reach: a blank or a comma in it, no whole domain, a domain that "
        "IDNA 2008 does not know", "refused", ("mail_address",), http({**REPORT, "reporter": {"email": "a@☃.net"}})),
    Row(_CE, "no `id`, or no `source` in the open inbox: it could not be known again", "refused",
        ("missing_attribute",), binary(id=None)),
    Row(_CE, "no `type`", "refused", ("missing_attribute",), binary(type=None)),
    Row(_CE, "another `type`", "refused", ("unknown_type",), binary(type="org.example.thing.v1")),
    Row(_CE, "another major version of `type`", "refused", ("unknown_schema_version",),
        binary(type="hearth.report.submitted.v2")),
    Row(_CE, "another major version of `specversion`", "refused", ("unknown_specversion",), binary(specversion="0.3")),
    Row(_CE, "`data` and `data_base64` that differ", "refused", ("invalid_data",), structured(data_base64="e30=")),
    Row(_EP, "another schema, or another major version", "refused", ("unknown_schema_version",),
        platform({}, **{"$schema": "/hearth/report/submitted/2.0.0"})),
)  # fmt: skip
"""What is no report, or would say another thing if it were read."""
PASSED_OVER: tuple[Row, ...] = (
    Row(_EP, "a canary event (`meta.domain` is `canary`)", "passed over, and counted as ignored", (),
        platform({"domain": "canary"})),
)  # fmt: skip

CALLS: tuple[TypedCall, ...] = (
    TypedCall(_ADDRESS, "a slash, a blank, or a sign of a sentence of any script at the end", "answered without it",
        Call("/report/enwiki/%E3%80%82"), Call("/report/enwiki")),
    TypedCall(_ADDRESS, "capitals", "answered as small letters", Call("/Report/EnWiki"), Call("/report/enwiki")),
    TypedCall(_ADDRESS, "marks of copying and blanks in a query", "answered without them",
        Call("/report?uselang=%EF%BB%BFde%20"), Call("/report?uselang=de")),
    TypedCall(_ADDRESS, "a dot after the host", "answered as the host",
        Call("/report", headers={"Host": "localhost."}), Call("/report")),
    TypedCall(_ADDRESS, "`HEAD` where `GET` is answered", "the headers alone",
        Call("/report", "HEAD"), Call("/report")),
)  # fmt: skip
"""What a call may look like; `plain` is how it is meant."""
