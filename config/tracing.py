"""What is told to those who look from outside, beside metrics: how long requests took, slow statements, traces, errors.

Each is off unless a setting asks for it, but the durations in request lines.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import signals
from django.conf import settings
from django.db.backends.signals import connection_created
from django_structlog.signals import bind_extra_request_failed_metadata, bind_extra_request_finished_metadata

log = structlog.get_logger(__name__)


def begin() -> None:
    """Once in every process, after Django is set up. The children of a worker begin for themselves: threads that send
    what was traced do not survive a fork.
    """
    for finished in (bind_extra_request_finished_metadata, bind_extra_request_failed_metadata):
        finished.connect(_note_duration, dispatch_uid="duration")
    if settings.SLOW_STATEMENT_SECONDS:
        connection_created.connect(_watch, dispatch_uid="slow_statements")
    if os.environ.get("RELODE_ROLE") == "worker":
        signals.worker_process_init.connect(lambda **_: _send_outside(), weak=False, dispatch_uid="tracing")
    else:
        _send_outside()


def _note_duration(request: Any, log_kwargs: dict[str, Any], **_: Any) -> None:
    began = getattr(request, "began", None)
    if began is not None:
        log_kwargs["seconds"] = round(time.perf_counter() - began, 4)


def _watch(connection: Any = None, **_: Any) -> None:
    if _tell_if_slow not in connection.execute_wrappers:
        connection.execute_wrappers.append(_tell_if_slow)


def _tell_if_slow(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Log a statement that took long: as it was written, without its values, which are people's and companies'."""
    began = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        seconds = time.perf_counter() - began
        if seconds > settings.SLOW_STATEMENT_SECONDS:
            log.warning("slow_statement", seconds=round(seconds, 3), sql=str(sql)[:4000])


def _send_outside() -> None:
    if settings.OTLP_ENDPOINT:
        _send_traces(settings.OTLP_ENDPOINT)
    if settings.SENTRY_DSN:
        _send_errors(settings.SENTRY_DSN)


def _send_traces(endpoint: str) -> None:
    """OpenTelemetry: a span for each request, task and statement, to a collector that speaks OTLP over HTTP."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    class Exporter(OTLPSpanExporter):
        def export(self, spans: Any) -> Any:
            return super().export([_without_people(span) for span in spans])

    role = os.environ.get("RELODE_ROLE", "manage")
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"relode-{role}", "service.namespace": "relode"}),
        sampler=ParentBased(TraceIdRatioBased(settings.TRACED_SHARE)),
    )
    provider.add_span_processor(BatchSpanProcessor(Exporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument()
    PsycopgInstrumentor().instrument()  # statements as they are written, never their values
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]


#: What instrumentation notes of a request that is somebody's: addresses hold identifiers and the secrets of links that
#: were mailed. The route (`http.route`) stays.
_SOMEBODYS = frozenset(
    ("http.target", "http.url", "url.full", "url.path", "url.query", "http.user_agent", "user_agent.original",
     "net.peer.ip", "client.address", "network.peer.address", "enduser.id")
)  # fmt: skip


def _without_people(span: Any) -> Any:
    """The same span without what is somebody's. Of an exception its type alone stays: PostgreSQL quotes rows."""
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import Status

    return ReadableSpan(
        name=span.name, context=span.context, parent=span.parent, resource=span.resource, kind=span.kind,
        attributes={name: value for name, value in (span.attributes or {}).items() if name not in _SOMEBODYS},
        events=[
            Event(event.name, {"exception.type": (event.attributes or {}).get("exception.type", "")}, event.timestamp)
            for event in span.events
        ],
        links=span.links, status=Status(span.status.status_code), start_time=span.start_time, end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )  # fmt: skip


def _send_errors(dsn: str) -> None:
    """Sentry, or what speaks as it does. It is sent what was logged as an error with its exception, by us or a library:
    requests, tasks and jobs that failed unforeseen. None of Sentry's own integrations looks on: what they collect (values
    of statements, log lines, requests) is people's.
    """
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.dedupe import DedupeIntegration

    sentry_sdk.init(
        dsn=dsn,
        environment=settings.SENTRY_ENVIRONMENT,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[DedupeIntegration(), AtexitIntegration(callback=lambda *_: None)],
        include_local_variables=False,
        max_breadcrumbs=0,
        before_send=_without_words,
    )
    logging.getLogger().addHandler(_ErrorSender(logging.ERROR))


class _ErrorSender(logging.Handler):
    """Sends the exception of a log line, with what finds that line again."""

    TAGS = ("event", "request_id", "task_id", "kind", "run", "report")

    def emit(self, record: logging.LogRecord) -> None:
        import sentry_sdk

        line = record.msg if isinstance(record.msg, dict) else {}  # structlog's
        error = line.get("exc_info") or record.exc_info
        if isinstance(error, tuple):
            error = error[1]
        error = error if isinstance(error, BaseException) else error and sys.exc_info()[1]
        if error:
            with sentry_sdk.new_scope() as scope:
                scope.set_tags({name: line[name] for name in self.TAGS if name in line} | {"logger": record.name})
                sentry_sdk.capture_exception(error)


def _without_words(event: Any, _hint: Any) -> Any:
    """Types and lines of code say where; what the exceptions said quotes rows, and stays in the log."""
    for error in event.get("exception", {}).get("values", ()):
        error["value"] = ""
    return event
