"""The proof of a report: its figures computed again from what is kept with it, its canonical form, and the hash of that.

What was filed is proven years later by the same functions. So the canonical form never changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan

from accounts.replicas import one_snapshot
from recycling.models import EprReport
from recycling.queries.report_figure import Figure
from recycling.queries.report_figures import figures
from recycling.queries.report_lines import LINE_FIELDS, STORED_AS, figure_of
from recycling.queries.report_methods import METHODS

type Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Verification:
    """Whether a report's figures follow, to the digit, from what it keeps, and whether all of it is as it was filed."""

    figures_agree: bool
    hash_agrees: bool | None
    content_hash: str
    differing: Sequence[Figure]

    @property
    def agrees(self) -> bool:
        return self.figures_agree and self.hash_agrees is not False


def verify(report: EprReport, tell: Callable[[int], None] = lambda percent: None) -> Verification:
    """Compute the figures again from what is kept with the report, and compare them and the content hash.

    `tell` hears how much of the hash is done, in percent.
    """
    with one_snapshot():
        found = figures(report)
        stored = [figure_of(line) for line in report.lines.order_by("position")]
        computed = content_hash(report, tell)
    return Verification(
        figures_agree=found == stored,
        hash_agrees=computed == report.content_hash if report.content_hash else None,
        content_hash=computed,
        differing=[figure for figure in found if figure not in stored],
    )


#: How many rows are in memory at once.
CHUNK = 2_000

#: Fields of lines that the first form did not know.
_SINCE_FORM_2 = ("origin", "basis")

#: A part of what is kept: its name, the fields that order it, and all of its fields.
type Part = tuple[str, tuple[str, ...], tuple[str, ...]]

#: What is kept with a report, in which order, and the fields that make it up.
_FORM_1: tuple[Part, ...] = (
    ("lines", ("position",), tuple(STORED_AS[name] for name in LINE_FIELDS if name not in _SINCE_FORM_2)),
    (
        "evidence",
        ("fate", "battery_id"),
        (
            "fate",
            "battery_id",
            "occurred_on",
            "facility_id",
            "country",
            "batch_id",
            "method",
            "decision",
            "chemistry_id",
            "family",
            "composition_id",
            "content_kwh",
            "mass_kg",
        ),
    ),
    (
        "placements",
        ("placement_id",),
        (
            "placement_id",
            "period_start",
            "period_end",
            "model_id",
            "chemistry_id",
            "family",
            "units",
            "mass_kg",
            "is_counted",
        ),
    ),
    ("factors", ("batch_id", "element"), ("batch_id", "element", "recovered", "pending", "residue")),
    ("intensities", ("composition_id", "element"), ("composition_id", "element", "kg_per_kwh")),
    ("sites", ("facility_id", "method"), ("facility_id", "method", "country")),
)
_FORM_2: tuple[Part, ...] = (
    ("lines", ("position",), tuple(STORED_AS[name] for name in LINE_FIELDS)),
    *_FORM_1[1:],
    ("steps", ("batch_id",), ("batch_id", "facility_id", "country", "stage", "is_first", "is_proven")),
    (
        "feeds",
        ("number",),
        (
            "number", "batch_id", "year", "origin", "family", "chemistry", "basis", "source", "batteries", "mass_kg", "dry_kg",
            "content",
        ),
    ),
    (
        "lots",
        ("lot_id",),
        (
            "lot_id", "batch_id", "into_id", "year", "into_year", "material", "is_intermediate", "is_slag", "is_substitute",
            "is_battery", "is_known", "assay_basis", "fate", "destination", "mass_kg", "dry_kg", "content",
        ),
    ),
)  # fmt: skip
#: The third knows where a battery was placed on the market and collected, by what number it was known, what things are called, and
#: what became of what it was charged into.
_FORM_3: tuple[Part, ...] = (
    _FORM_2[0],
    ("evidence", _FORM_1[1][1], (*_FORM_1[1][2], "placed_in", "collected_in", "identifier", "basis")),
    _FORM_1[2],
    (
        "batches",
        ("batch_id",),
        ("batch_id", "chain", "elements_taken", "analysis", "moisture", "unknown_share", "pure_share"),
    ),
    (
        "outcomes",
        ("batch_id", "element", "became", "facility_id", "country"),
        ("batch_id", "element", "became", "facility_id", "country", "share"),
    ),
    _FORM_1[4],
    ("input_shares", ("batch_id", "element"), ("batch_id", "element", "fraction")),
    ("sites", ("facility_id", "method"), ("facility_id", "method", "country", "is_proven")),
    *_FORM_2[6:],
    ("names", ("kind", "key"), ("kind", "key", "name", "details")),
)

FORMS = {1: _FORM_1, 2: _FORM_2, 3: _FORM_3}


def number_of(report: EprReport) -> int:
    """Which canonical form a report has, by the method that it was computed by."""
    method = METHODS.get(report.method_version)
    return method.form if method is not None else 1


def form_of(report: EprReport) -> tuple[Part, ...]:
    """What is kept with it, in the form of the method that it was computed by."""
    return FORMS[number_of(report)]


def header(report: EprReport) -> Mapping[str, Any]:
    """What a report is about; fixed once it is filed."""
    method = METHODS.get(report.method_version)
    found = {
        "report": report.pk,
        "scheme": report.scheme_id,
        "producer": report.producer_id,
        "jurisdiction": report.jurisdiction_id,
        "period_start": report.period_start,
        "period_end": report.period_end,
        "method_version": report.method_version,
        "method_choices": method.choices if method else (),
        "computed_at": report.computed_at,
        "supersedes": report.supersedes_id,
        "is_simulated": report.is_simulated,
    }
    form = number_of(report)
    return (
        found | ({"elements_taken": report.elements_taken} if form > 1 else {}) | ({"form": form} if form > 2 else {})
    )


def plain(value: object) -> str:
    """How the third form writes what JSON has no word for: decimals in full, with the decimals of their column."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _encoder(form: int) -> Callable[[object], str]:
    default = plain if form > 2 else str
    return json.JSONEncoder(default=default, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def canonical(report: EprReport) -> Iterator[bytes]:
    """The header of a report and all parts that it keeps, in one fixed form (docs/canonical-form.md).

    Each row is one line of JSON: an array whose first member names the part, in a fixed order. Many lines come at once, and
    never all.
    """
    encode = _encoder(number_of(report))
    yield f"{encode(['header', header(report)])}\n".encode()
    for name, _fields, chunks in parts(report):
        for rows in chunks:
            yield "".join(f"{encode((name, *row))}\n" for row in rows).encode()


def parts(report: EprReport) -> Iterator[tuple[str, tuple[str, ...], Iterator[Rows]]]:
    """What is kept with a report: the name of each part, its fields, and its rows in a fixed order, some at a time."""
    for name, order, fields in form_of(report):
        yield name, fields, _chunks(getattr(report, name).values_list(*fields), order, fields)


def _chunks(rows: models.QuerySet[Any, Any], order: tuple[str, ...], fields: tuple[str, ...]) -> Iterator[Rows]:
    """Each chunk is a statement of its own that begins after the last row of the one before: no cursor, and so no
    transaction, is held open for a reader who may be slow.
    """
    places = [fields.index(name) for name in order]
    rows = rows.order_by(*order)
    chunk = list(rows[:CHUNK])
    while chunk:
        yield chunk
        last = tuple(chunk[-1][place] for place in places)
        following = rows.filter(TupleGreaterThan(Tuple(*order), last))
        chunk = list(following[:CHUNK]) if len(chunk) == CHUNK else []


def content_hash(report: EprReport, tell: Callable[[int], None] = lambda percent: None) -> str:
    """SHA-256 over the canonical form of a report."""
    digest = hashlib.sha256()
    total, done = sum(getattr(report, name).count() for name, _order, _fields in form_of(report)), 0
    for lines in canonical(report):
        digest.update(lines)
        done += lines.count(b"\n")
        tell(100 * done // (1 + total))  # and the header
    return digest.hexdigest()
