"""What came of the example: utilization and EPR figures, as tables for people and as JSON for machines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Sum

from collection.models import Battery, Lot, LotStatus, Material
from demo.world import World
from recycling.models import (
    Batch,
    EprReport,
    EprReportLine,
    ForecastStatus,
    Intake,
    ReportStatus,
    ReturnForecast,
    UtilizationSnapshot,
)
from recycling.queries import epr
from recycling.queries.capacity import LAST_YEAR, gaps
from recycling.queries.utilization import Level, Period, loads

#: Figures are written with these decimals of a kilogram: to the gram, with some to spare for adding them up.
GRAM = Decimal("0.000001")


def collect(world: World, *, seed: int, packs: int) -> dict[str, Any]:
    """All figures of the example as JSON can hold them; masses are strings, exact to the milligram."""
    return {
        "simulated": True,
        "seed": seed,
        "packs": packs,
        "as_of": world.now.date().isoformat(),
        "counts": {
            "batteries": Battery.objects.filter(is_simulated=True).count(),
            "batteries_by_status": dict(
                Battery.objects.filter(is_simulated=True).order_by().values_list("status").annotate(n=Count("pk"))
            ),
            "intakes": Intake.objects.filter(is_simulated=True).count(),
            "batches": Batch.objects.filter(is_simulated=True).count(),
            "lots": Lot.objects.filter(is_simulated=True).count(),
        },
        "utilization": utilization(world),
        "returns": returns(world),
        "epr": {"totals": totals(), "unattributed": unattributed(), "products": products(), "reports": filed()},
    }


def utilization(world: World) -> list[dict[str, Any]]:
    """How full each line was in the last calendar year and is in this one."""
    rows = UtilizationSnapshot.objects.filter(line__plant__facility__is_simulated=True, day__gte=world.start)
    plants = dict(rows.order_by().values_list("line", "line__plant__facility__name").distinct())
    return [
        {
            "plant": plants[int(load.key)], "line": load.name, "stage": load.stage, "year": load.start.year,
            "processed_kg": None if load.processed_kg is None else _kg(load.processed_kg),
            "coverage": None if load.coverage is None else str(load.coverage),
            "available_kg": None if load.available_kg is None else _kg(load.available_kg),
            "utilization": None if load.utilization is None else str(load.utilization), "is_over": load.is_over,
        }
        for load in loads(rows, level=Level.LINE, period=Period.YEAR)
    ]  # fmt: skip


def returns(world: World) -> list[dict[str, Any]]:
    """What comes back against the pre-processing that is known, per country and year as far as plans are known."""
    return [
        {
            "inputs": forecast.get_inputs_display(), "place": gap.place, "year": gap.year,
            "is_simulated": gap.is_simulated, "running_coverage": None if gap.coverage is None else str(gap.coverage),
            "is_unverified": gap.is_unverified, "assumed_share": str(gap.assumed_share),
            "unknown_share": str(gap.unknown_share),
        }
        | {
            name: str(round(getattr(gap, name), 3))
            for name in ("units", "returns_t", "low_t", "high_t", "running_t", "announced_t", "beyond_known_t")
        }
        for forecast in ReturnForecast.objects.filter(status=ForecastStatus.DONE).order_by("pk")
        for gap in gaps(forecast.lines.filter(year__gte=world.now.year, year__lte=LAST_YEAR))
    ]  # fmt: skip


def totals() -> list[dict[str, Any]]:
    """Per producer and element: content of what was recycled, and what became of it, over the whole history; what is only
    claimed to be a producer's in rows of its own.
    """
    return [*_totals(claimed=False), *_totals(claimed=True)]


def _totals(*, claimed: bool) -> list[dict[str, Any]]:
    sums: dict[tuple[int | None, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
    for row in epr.totals_by_producer_and_jurisdiction(date(2000, 1, 1), date(2999, 12, 31), claimed=claimed):
        kept = sums[row.producer, row.element]
        for index, value in enumerate((row.content, row.recovered, row.pending, row.residue)):
            kept[index] += value
    names: dict[int | None, str] = {None: ""}
    names |= dict(Battery.objects.filter(producer__isnull=False).values_list("producer", "producer__name").distinct())
    return [
        {"producer": names[producer] or None, "is_claimed": claimed, "element": element}
        | dict(zip(("content_kg", "recovered_kg", "pending_kg", "residue_kg"), map(_kg, values), strict=True))
        for (producer, element), values in sorted(sums.items(), key=lambda row: (names[row[0][0]], row[0][1]))
    ]  # fmt: skip


def unattributed() -> dict[str, str]:
    """What was recovered of elements that no input was known to contain."""
    return {row.element: _kg(row.recovered) for row in epr.unattributed(date(2000, 1, 1), date(2999, 12, 31))}


def products() -> dict[str, str]:
    """Element masses in all product lots that are on hand or were sold: what recovered masses must add up to."""
    rows = (
        Lot.objects.filter(
            is_simulated=True, material__kind=Material.Kind.PRODUCT,
            status__in=[LotStatus.IN_STOCK, LotStatus.IN_TRANSIT, LotStatus.SOLD], output__batch__status="closed",
        )
        .order_by()
        .values_list("assays__element")
        .annotate(kg=Sum(F("mass_kg") * (1 - F("moisture")) * F("assays__fraction")))
    )  # fmt: skip
    return {element: _kg(kg) for element, kg in sorted(rows) if element}


def filed() -> list[dict[str, Any]]:
    """Every report of the example with its lines."""
    rows = EprReport.objects.filter(producer__is_simulated=True).exclude(status=ReportStatus.WITHDRAWN)
    lines: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for line in EprReportLine.objects.filter(report__in=rows).order_by("report", "position"):
        lines[line.report_id].append(
            {
                "metric": line.metric, "breakdown": line.breakdown, "element": line.element, "family": line.family,
                "chemistry": line.chemistry_id, "method": line.method, "country": line.country,
                "value": None if line.value is None else str(line.value), "unit": line.unit,
                "target": None if line.target_percent is None else str(line.target_percent),
                "target_status": line.target_status,
            }
        )  # fmt: skip
    return [
        {
            "scheme": row.scheme.code, "producer": row.producer.name, "jurisdiction": row.jurisdiction_id,
            "period": [row.period_start.isoformat(), row.period_end.isoformat()], "status": row.status,
            "corrects": row.supersedes_id is not None, "lines": lines[row.pk],
        }
        for row in rows.select_related("scheme", "producer").order_by("pk")
    ]  # fmt: skip


def tables(figures: dict[str, Any]) -> list[str]:
    """The figures as lines of text."""
    out = ["", "Capacity utilization (simulated)", ""]
    out += _table(
        ["plant", "line", "stage", "year", "processed t", "available t", "reported", "utilization"],
        [
            [
                _short(row["plant"]), row["line"], row["stage"], str(row["year"]),
                "not reported" if row["processed_kg"] is None else _tonnes(row["processed_kg"]),
                _tonnes(row["available_kg"]),
                "-" if row["coverage"] is None else f"{Decimal(row['coverage']) * 100:.1f} %",
                "-" if row["utilization"] is None else f"{Decimal(row['utilization']) * 100:.1f} %"
                + (" OVER" if row["is_over"] else ""),
            ]
            for row in figures["utilization"]
        ],
    )  # fmt: skip
    out += ["", "What comes back, against pre-processing that is known (t)", ""]
    out += _table(
        ["forecast from", "place", "year", "batteries", "comes back", "least", "most", "runs", "announced", "beyond what runs"],
        [
            [row["inputs"] + (" (simulated)" if row["is_simulated"] else ""), row["place"], str(row["year"])]
            + [f"{Decimal(row[name]):,.0f}" for name in (
                "units", "returns_t", "low_t", "high_t", "running_t", "announced_t", "beyond_known_t",
            )]
            for row in figures["returns"]
        ],
    )  # fmt: skip
    out += ["", "Element masses in recycled batteries, and what became of them (kg, simulated)", ""]
    out += _table(
        ["producer", "element", "content", "recovered", "pending", "residue"],
        [
            [_short(row["producer"] or "unknown") + (" (claimed)" if row["is_claimed"] else ""), row["element"]]
            + [f"{Decimal(row[name]):,.1f}" for name in ("content_kg", "recovered_kg", "pending_kg", "residue_kg")]
            for row in figures["epr"]["totals"]
            if row["element"] in ("Li", "Ni", "Co", "Cu")
        ],
    )
    out += ["", "EPR reports (simulated; targets of Regulation (EU) 2023/1542 are for reference only)", ""]
    out += _table(
        ["scheme", "producer", "place", "status", "units placed", "recycled t", "efficiency %", "Li %", "Co %"],
        [_report_row(row) for row in figures["epr"]["reports"]],
    )
    return out


def _report_row(report: dict[str, Any]) -> list[str]:
    def find(metric: str, element: str = "") -> str:
        for line in report["lines"]:
            if line["metric"] == metric and line["element"] == element and line["value"] is not None:
                if metric != "material_recovery" and line["breakdown"] not in ("", "family"):
                    continue
                value = Decimal(line["value"])
                return f"{value / 1000:,.1f}" if metric == "mass_recycled" else f"{value:,.1f}".removesuffix(".0")
        return "-"

    status = f"{report['status']}{' (correction)' if report['corrects'] else ''}"
    return [
        report["scheme"], _short(report["producer"]), report["jurisdiction"], status, find("units_placed"),
        find("mass_recycled"), find("recycling_efficiency"), find("material_recovery", "Li"),
        find("material_recovery", "Co"),
    ]  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    numeric = [all(row[column][:1] in "-0123456789" for row in rows) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, numeric, strict=True)
        ]
        return "  ".join(cells).rstrip()

    return [line(head), "  ".join("-" * width for width in widths), *map(line, rows)]


def _kg(value: Decimal) -> str:
    return str(value.quantize(GRAM))


def _tonnes(kilograms: str | None) -> str:
    return "-" if kilograms is None else f"{Decimal(kilograms) / 1000:,.1f}"


def _short(name: str) -> str:
    return name.removesuffix(" (simulated)")
