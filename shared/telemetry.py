"""OpenTelemetry traces and JSON logs. One report is one trace, from its POST to the record; no identity in either."""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.times import now, rfc3339

_W3C = TraceContextTextMapPropagator()
_UNSAMPLED = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][02468ace]")

# The only extra fields a log line may carry: words of this code base, counts, and ids that name no person.
LOG_FIELDS = (
    "event", "service", "group", "topic", "partition", "offset", "reason", "count", "seconds", "route", "method",
    "status", "request_id", "report_id", "case_id", "event_id", "delivery_id", "log", "size", "address", "error",
    "writer",
)  # fmt: skip


def make_tracer_provider(service: str, endpoint: str | None, ratio: float = 1.0) -> TracerProvider:
    """A provider that exports to `endpoint` (OTLP over HTTP). Without one, spans only pass ids on."""
    sampler = ParentBased(TraceIdRatioBased(ratio)) if endpoint else ALWAYS_OFF
    provider = TracerProvider(resource=Resource.create({"service.name": f"hearth-{service}"}), sampler=sampler)
    if endpoint:
        # The imports take a tenth of a service's start, so only where they are used.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
    return provider


def context_of(traceparent: str | None) -> Context | None:
    """The context to continue, or None when there is nothing (or nothing valid) to continue."""
    return _W3C.extract({"traceparent": traceparent}) if traceparent else None


def traceparent_of(span: Span) -> str | None:
    """The W3C traceparent of a span, for what the span causes."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def is_unsampled(traceparent: str | None) -> bool:
    """Whether nobody keeps the spans of this trace. Work under it needs no spans, and passes the traceparent on."""
    return traceparent is not None and _UNSAMPLED.fullmatch(traceparent) is not None


def current_traceparent() -> str | None:
    """The traceparent of the span that is current in this task."""
    return traceparent_of(trace.get_current_span())


def links_to(*traceparents: str) -> list[Link]:
    """Links to the spans that these name. What is no traceparent is passed over."""
    contexts = [trace.get_current_span(context_of(one) or Context()).get_span_context() for one in traceparents]
    return [Link(context) for context in contexts if context.is_valid]


@contextmanager
def span_for(
    tracer: Tracer,
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str | None = None,
    links: tuple[str, ...] = (),
    attributes: Mapping[str, str | int] | None = None,
) -> Iterator[Span]:
    """A current span, under `parent` (a traceparent) or the span that is current. Of exceptions it keeps the type."""
    span = tracer.start_span(
        name,
        context=context_of(parent),
        kind=kind,
        attributes=attributes,
        links=links_to(*links),
    )
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            raise


class JsonLines(logging.Formatter):
    """One JSON object a line, with the trace id. Of an exception it keeps type and place, never the text.

    The text of an exception may quote its input, and here that may be words of a reporter.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": rfc3339(now()),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = f"{context.trace_id:032x}"
        line |= {name: record.__dict__[name] for name in LOG_FIELDS if name in record.__dict__}
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            frames = []
            step = record.exc_info[2]
            while step is not None:
                code = step.tb_frame.f_code
                frames.append(f"{code.co_filename.rpartition('site-packages/')[2]}:{step.tb_lineno} {code.co_name}")
                step = step.tb_next
            line["stack"] = frames[-12:]
        return json.dumps(line, ensure_ascii=False, default=str)


class Sparing(logging.Filter):
    """Lets one line of a kind pass in ten seconds, and says how many were kept back.

    A library that has lost its server says so at every attempt.
    """

    def __init__(self, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (record.name, str(record.msg))
        at = self._clock()
        next_at, kept_back = self._kinds.get(kind, (at, 0))
        if at < next_at:
            self._kinds[kind] = (next_at, kept_back + 1)
            return False
        self._kinds[kind] = (at + self._seconds, 0)
        if kept_back:
            record.count = kept_back
        return True


def set_up_logging(service: str, level: str = "INFO") -> None:
    """Send every log line to standard output as JSON. Our own lines replace the access lines of uvicorn."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").disabled = True
    for chatty in ("aiokafka", "httpx", "httpcore", "pymongo"):
        logging.getLogger(chatty).setLevel("WARNING")
    sparing = Sparing()
    handler.addFilter(lambda record: not record.name.startswith("aiokafka") or sparing.filter(record))
