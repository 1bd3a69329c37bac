"""An EPR report as a file: for spreadsheets, for programs, and in the very form that its hash is of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

from collection import csv_out
from recycling.models import EprReport
from recycling.queries.report_lines import METHODS
from recycling.services.report_figures import canonical, parts

_COLUMNS = (
    "position", "metric", "breakdown", "family", "chemistry", "method", "decision", "facility", "country", "element",
    "value", "unit", "numerator", "denominator", "rows", "without_mass", "target_percent", "target_status",
    "target_source", "note",
)  # fmt: skip


def preamble(report: EprReport) -> dict[str, Any]:
    """What a reader must know before the figures: whose they are, by which method, how binding, and whether real."""
    scheme = report.scheme
    method = METHODS.get(report.method_version)
    return {
        "report": report.pk,
        "status": report.status,
        "simulated_data": report.is_simulated,
        "scheme": scheme.code,
        "scheme_version": scheme.version,
        "scheme_name": scheme.name,
        "legal_status_of_scheme": scheme.legal_status,
        "citation": scheme.citation,
        "scheme_valid_from": scheme.valid.lower,
        "in_force_throughout_period": report.period_start in scheme.valid and report.period_end in scheme.valid,
        "legal_status_of_targets": ", ".join(
            sorted(set(report.lines.exclude(target_status="").values_list("target_status", flat=True)))
        )
        or "no numeric target is known",
        "producer": report.producer.name,
        "jurisdiction": report.jurisdiction_id,
        "period_start": report.period_start,
        "period_end": report.period_end,
        "method_version": report.method_version,
        "method_choices": "; ".join(method.choices) if method else "",
        "computed_at": report.computed_at,
        "supersedes": report.supersedes_id,
        "submitted_at": report.submitted_at,
        "content_hash_sha256": report.content_hash,
    }


def as_csv(report: EprReport) -> StreamingHttpResponse:
    """The figures as a table; above it, a name and a value in each line, what they are."""

    def rows() -> Iterator[tuple[Any, ...]]:
        yield ()
        yield _COLUMNS
        for line in report.lines.select_related("facility").order_by("position"):
            yield tuple(_cell(line, name) for name in _COLUMNS)

    first, *others = preamble(report).items()

    def everything() -> Iterator[tuple[Any, ...]]:
        yield from others
        yield from rows()

    return csv_out.stream(f"{_name(report)}.csv", first, everything())


def as_json(report: EprReport) -> StreamingHttpResponse:
    """Everything that is kept with the report, as one JSON document that is written while it is read."""

    def chunks() -> Iterator[str]:
        yield f'{{"header":{_json(preamble(report))}'
        for name, fields, rows in parts(report):
            yield f',"{name}":['
            separator = ""
            for row in rows.values(*fields).iterator(chunk_size=10_000):
                yield f"{separator}{_json(row)}"
                separator = ",\n"
            yield "]"
        yield "}\n"

    return _download(chunks(), f"{_name(report)}.json", "application/json")


def as_canonical(report: EprReport) -> StreamingHttpResponse:
    """The form that the content hash is of: `sha256sum` of this file is the hash that was filed."""
    return _download(canonical(report), f"{_name(report)}.ndjson", "application/x-ndjson")


def _cell(line: Any, name: str) -> Any:
    if name == "facility":
        return line.facility.name if line.facility else ""
    if name == "chemistry":
        return line.chemistry_id
    return getattr(line, name)


def _json(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def _name(report: EprReport) -> str:
    simulated = _("simulated") + "-" if report.is_simulated else ""
    return f"{simulated}epr-{report.scheme.code}-{report.jurisdiction_id}-{report.period_start}-{report.pk}"


def _download(chunks: Iterator[Any], filename: str, content_type: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        chunks,
        content_type=f"{content_type}; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "X-Content-Type-Options": "nosniff",
        },
    )
