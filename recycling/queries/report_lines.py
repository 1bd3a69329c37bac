"""The lines of a report: its figures as they are stored, each beside the target that holds, if any does."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from recycling.models import EprReport, EprReportLine, EprTarget, Metric
from recycling.queries.report_figure import FIGURE_FIELDS, Figure

#: All that a line consists of: the figure, its place in the report, and what it is measured by.
LINE_FIELDS = ("position", *FIGURE_FIELDS, "target_percent", "target_status", "target_source", "note")

#: What holds the value of a field in a stored line: of a chemistry and a facility it is their key.
STORED_AS = {part.name: part.attname for part in EprReportLine._meta.concrete_fields}


def figure_of(line: EprReportLine) -> Figure:
    """A stored line as a figure, to compare."""
    return Figure(**{name: getattr(line, STORED_AS[name]) for name in FIGURE_FIELDS})


def lines(report: EprReport, found: Sequence[Figure], targets: Sequence[EprTarget]) -> list[EprReportLine]:
    """The figures as lines of `report`, each beside the target that holds at the end of the period, if any does."""
    return [_line(report, position, figure, targets) for position, figure in enumerate(found, start=1)]


def _line(report: EprReport, position: int, figure: Figure, targets: Sequence[EprTarget]) -> EprReportLine:
    figured = {STORED_AS[name]: getattr(figure, name) for name in FIGURE_FIELDS}
    line = EprReportLine(report=report, position=position, **figured)
    notes = list(figure.notes)
    if figure.unit == "%" and figure.metric != Metric.RESTS_ON:
        own = sorted(
            (t for t in targets if (t.metric, t.family, t.element) == (figure.metric, figure.family, figure.element)),
            key=lambda t: t.applies_from,
        )
        holding = [t for t in own if t.applies_from <= report.period_end]
        coming = [t for t in own if t.applies_from > report.period_end]
        if holding:
            line.target_percent = holding[-1].percent
            line.target_status = holding[-1].legal_status
            line.target_source = holding[-1].source
        elif coming:
            notes.append(
                _("target of %(percent)s %% from %(day)s on (%(status)s)")
                % {
                    "percent": f"{coming[0].percent.normalize():f}",
                    "day": coming[0].applies_from.isoformat(),
                    "status": coming[0].get_legal_status_display(),
                }
            )
        else:
            notes.append(_("no numeric target is known"))
    line.note = "; ".join(notes)[:300]
    return line
