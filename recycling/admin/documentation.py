"""The page of a recycler's documentation: the tables of the template, instead of one for each metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from recycling.models import Breakdown, EprReportLine, Metric
from recycling.queries.annex import LINES
from recycling.queries.report_flows import CODES
from recycling.queries.report_rests import BASES

_COLUMNS = (Metric.INPUT_FRACTION, Metric.OUTPUT_HOME, Metric.OUTPUT_ABROAD, Metric.OUTPUT_FRACTION)


def template_of(lines: Sequence[EprReportLine]) -> dict[str, Any]:
    """Part 1 for all and for each place of collection, part 2 for each facility, and what it rests on."""
    by_metric: dict[str, list[EprReportLine]] = defaultdict(list)
    for line in lines:
        by_metric[line.metric].append(line)
    places = sorted({line.origin for line in by_metric[Metric.INPUT_FRACTION] if line.origin})
    return {
        "entered": [line for line in by_metric[Metric.ENTERED] if not line.origin],
        "rests_on": [(BASES.get(line.basis, line.basis), line) for line in by_metric[Metric.RESTS_ON]],
        "parts": [
            {
                "place": place,
                "rows": _rows(by_metric, place),
                "totals": [_at(by_metric[metric], place, "") for metric in _COLUMNS],
                "efficiency": _at(by_metric[Metric.RECYCLING_EFFICIENCY], place, ""),
                "entered": _at(by_metric[Metric.ENTERED], place, ""),
            }
            for place in ("", *places)
        ],
        "steps": _steps(by_metric),
    }


def _at(lines: Sequence[EprReportLine], place: str, element: str) -> EprReportLine | None:
    found = (line for line in lines if (line.origin, line.element) == (place, element) and line.facility_id is None)
    return next(found, None)


def _rows(by_metric: dict[str, list[EprReportLine]], place: str) -> list[dict[str, Any]]:
    rows = []
    for code in (CODES.get(line, line) for line in LINES):
        cells = [_at(by_metric[metric], place, code) for metric in _COLUMNS]
        first = next(filter(None, cells), None)
        if first is not None:
            rows.append(
                {
                    "name": first.get_element_display(),
                    "cells": cells,
                    "is_taken": first.value is not None,
                    "recovery": _at(by_metric[Metric.MATERIAL_RECOVERY], place, code),
                }
            )
    return rows


def _steps(by_metric: dict[str, list[EprReportLine]]) -> list[dict[str, Any]]:
    """The facilities, in the order of the report."""
    steps: dict[int | None, dict[str, Any]] = {}
    for metric in (Metric.STEP_INPUT, Metric.STEP_PASSED_ON, Metric.STEP_OUTPUT):
        for line in by_metric[metric]:
            step = steps.setdefault(
                line.facility_id,
                {"facility": line.facility_name, "input": None, "passed_on": [], "outputs": [], "output": None},
            )
            if metric == Metric.STEP_INPUT:
                step["input"] = line
            elif metric == Metric.STEP_PASSED_ON:
                step["passed_on"].append(line)
            elif line.element:
                step["outputs"].append(line)
            else:
                step["output"] = line
    return list(steps.values())


def place_of(line: EprReportLine) -> str:
    """Where what a line is of was collected, or placed on the market, in words; empty for all."""
    if line.breakdown == Breakdown.MARKET:
        return _("placed on the market in %(place)s") % {"place": line.origin or _("no known place")}
    return _("collected in %(place)s") % {"place": line.origin} if line.origin else ""
