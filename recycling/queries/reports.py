"""What a reader of an EPR report sees beside its figures: what they are, and what a correction changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from accounts.errors import Refused
from recycling.models import EprName, EprReport, EprReportLine
from recycling.queries.report_lines import figure_of
from recycling.queries.report_methods import METHODS
from recycling.queries.report_names import Names, named


def preamble(report: EprReport) -> dict[str, Any]:
    """What a reader must know before the figures: whose they are, by which method, how binding, and whether real."""
    scheme = report.scheme
    method = METHODS.get(report.method_version)
    names = Names(report, EprName.Kind.SCHEME, EprName.Kind.PRODUCER, EprName.Kind.JURISDICTION)
    found = {
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
    return found | _as_kept(report, names) if names else found


def _as_kept(report: EprReport, names: Names) -> dict[str, Any]:
    """How scheme, producer and place read when the report was computed."""
    said = names.details(EprName.Kind.SCHEME, report.scheme_id)
    start, end = str(report.period_start), str(report.period_end)
    return {
        "scheme": said["code"],
        "scheme_version": said["version"],
        "scheme_name": names.name(EprName.Kind.SCHEME, report.scheme_id),
        "legal_status_of_scheme": said["legal_status"],
        "citation": said["citation"],
        "scheme_valid_from": said["valid_from"],
        "in_force_throughout_period": said["valid_from"] <= start
        and (not said["valid_until"] or end < said["valid_until"]),
        "counts_by": said["counts_by"],
        "producer": names.name(EprName.Kind.PRODUCER, report.producer_id),
        "jurisdiction_name": names.name(EprName.Kind.JURISDICTION, report.jurisdiction_id),
    }


@dataclass(frozen=True)
class Change:
    """One figure of a correction beside what was filed; either is empty where the other report has no such line."""

    filed: EprReportLine | None
    corrected: EprReportLine | None

    @property
    def line(self) -> EprReportLine:
        """Whichever exists, for its dimensions."""
        line = self.corrected or self.filed
        assert line is not None
        return line

    @property
    def delta(self) -> Decimal | None:
        """Corrected less filed; a line that does not exist counts as nothing, an unknown value as unknown."""
        before = self.filed.value if self.filed else Decimal(0)
        after = self.corrected.value if self.corrected else Decimal(0)
        return None if before is None or after is None else after - before

    @property
    def is_changed(self) -> bool:
        if self.filed is None or self.corrected is None:
            return True
        return figure_of(self.filed) != figure_of(self.corrected)


def difference(report: EprReport) -> Sequence[Change]:
    """A correction line by line against the report as it was filed, whatever was decided on that since."""
    if report.supersedes_id is None:
        raise Refused(_("This report corrects no other."), code="no_correction")
    filed = _by_subject(report.supersedes_id)
    corrected = _by_subject(report.pk)
    return [Change(filed.get(subject), corrected.get(subject)) for subject in dict.fromkeys((*corrected, *filed))]


def _by_subject(report_id: int) -> dict[tuple[object, ...], EprReportLine]:
    lines = EprReportLine.objects.filter(report=report_id).select_related("facility", "chemistry").order_by("position")
    return {figure_of(line).subject: line for line in named(lines)}
