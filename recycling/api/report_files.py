"""An EPR report as a file: for spreadsheets, for programs, and in the very form that its hash is of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

from collection import csv_out
from recycling.models import EprName, EprReport
from recycling.queries.report_lines import LINE_FIELDS
from recycling.queries.report_names import Names
from recycling.queries.report_proof import canonical, form_of, header, number_of, parts, plain
from recycling.queries.reports import preamble


class ComputedAgain(Exception):
    """A draft was computed again while it was being downloaded."""


def as_csv(report: EprReport) -> StreamingHttpResponse:
    """The figures as a table; above it, a name and a value in each line, what they are."""
    names = Names(report, EprName.Kind.FACILITY, EprName.Kind.SCHEME)

    def rows() -> Iterator[tuple[Any, ...]]:
        yield ()
        yield (*LINE_FIELDS, *(_OF_FACILITY if names else ()))
        for line in report.lines.select_related("facility").order_by("position"):
            said = names.details(EprName.Kind.FACILITY, line.facility_id)
            yield (
                *(_cell(line, name, names) for name in LINE_FIELDS),
                *((said.get(name, "") for name in _OF_FACILITY) if names else ()),
            )

    first, *others = preamble(report).items()

    def everything() -> Iterator[tuple[Any, ...]]:
        yield from others
        yield from rows()

    return csv_out.stream(f"{_name(report)}.csv", first, _of_one_computation(report, everything()))


def as_json(report: EprReport) -> StreamingHttpResponse:
    """Everything that is kept with the report, as one JSON document that is written while it is read.

    From the third form on the hash can be rebuilt from it (docs/canonical-form.md): it says in which order the parts and their
    fields follow each other, and writes each value as the canonical form does.
    """

    def chunks() -> Iterator[str]:
        if number_of(report) > 2:
            order = [{"part": name, "fields": fields} for name, _order, fields in form_of(report)]
            yield f'{{"about":{_json(preamble(report))},"header":{_json(header(report))},"form":{_json(order)}'
        else:
            yield f'{{"header":{_json_before(preamble(report))}'
        for name, fields, several in parts(report):
            yield f',"{name}":['
            separator, encode = "", _json if number_of(report) > 2 else _json_before
            for rows in several:
                yield separator + ",\n".join(encode(dict(zip(fields, row, strict=True))) for row in rows)
                separator = ",\n"
            yield "]"
        yield "}\n"

    return _download(_of_one_computation(report, chunks()), f"{_name(report)}.json", "application/json")


def as_canonical(report: EprReport) -> StreamingHttpResponse:
    """The form that the content hash is of: `sha256sum` of this file is the hash that was filed."""
    return _download(_of_one_computation(report, canonical(report)), f"{_name(report)}.ndjson", "application/x-ndjson")


def _of_one_computation[Chunk](report: EprReport, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The chunks of a file. A draft may be computed again while it is read: then the end is withheld, and the download
    breaks off rather than be of two computations. What was filed never changes.
    """
    held = next(chunks)
    for chunk in chunks:
        yield held
        held = chunk
    if not EprReport.objects.filter(pk=report.pk, computed_at=report.computed_at).exists():
        raise ComputedAgain(report.pk)
    yield held


#: What the table says of a facility, from the third form on.
_OF_FACILITY = ("operator", "address", "country_class")


def _cell(line: Any, name: str, names: Names) -> Any:
    if name == "facility":
        return names.name(EprName.Kind.FACILITY, line.facility_id, str(line.facility or ""))
    if name == "chemistry":
        return line.chemistry_id
    return getattr(line, name)


_json = json.JSONEncoder(default=plain, ensure_ascii=False).encode
_json_before = json.JSONEncoder(default=str, ensure_ascii=False).encode


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
