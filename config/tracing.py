"""What is told to those who look from outside, beside metrics: how long requests took, slow statements, traces, errors.

Each is off unless a setting asks for it, but the durations in request lines.
"""

from __future__ import annotations

import os
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

    role = os.environ.get("RELODE_ROLE", "manage")
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"relode-{role}", "service.namespace": "relode"}),
        sampler=ParentBased(TraceIdRatioBased(settings.TRACED_SHARE)),
    )
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5))
    )
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument(request_hook=_without_what_was_asked)
    PsycopgInstrumentor().instrument()  # statements as they are written, never their values
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]


def _without_what_was_asked(span: Any, request: Any) -> None:
    """What stands behind the question mark is identifiers, names and places: the route says enough."""
    if span and span.is_recording():
        for name in ("http.url", "http.target", "url.full"):
            if asked := (span.attributes or {}).get(name):
                span.set_attribute(name, str(asked).partition("?")[0])
        if (span.attributes or {}).get("url.query"):
            span.set_attribute("url.query", "")


def _send_errors(dsn: str) -> None:
    """Sentry, or what speaks as it does: what nobody foresaw, without bodies, cookies, addresses and local variables."""
    import sentry_sdk

    sentry_sdk.init(
        dsn=dsn,
        environment=settings.SENTRY_ENVIRONMENT,
        data_collection={  # type: ignore[arg-type]
            "user_info": False,
            "http_bodies": [],
            "cookies": {"mode": "off"},
            "http_headers": {"request": {"mode": "off"}, "response": {"mode": "off"}},
            "url_query_params": {"mode": "off"},
            "stack_frame_variables": False,
        },
        traces_sample_rate=0.0,  # traces are OpenTelemetry's
        before_send=_without_people,
    )


def _without_people(event: Any, _hint: Any) -> Any:
    """What says who somebody is, or lets one be them, stays here."""
    request = event.get("request", {})
    for name in ("cookies", "data", "query_string", "env"):
        request.pop(name, None)
    request["headers"] = {
        name: value
        for name, value in request.get("headers", {}).items()
        if name in ("Accept", "Content-Type", "X-Request-Id")
    }
    event.pop("user", None)
    return event
