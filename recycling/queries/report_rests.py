"""What the rates of reports rest on, in words: what stands beside every percentage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recycling.models import EprReportLine, Metric

#: What an input rests on, in words.
BASES = {
    "measured": gettext_lazy("measured"),
    "producers": gettext_lazy("of the producers"),
    "estimated": gettext_lazy("estimated"),
    "assumed": gettext_lazy("assumed by chemistry"),
    "unknown": gettext_lazy("not known"),
    "pending": gettext_lazy("still pending"),
}

#: Metrics that are rates.
RATES = (Metric.RECYCLING_EFFICIENCY, Metric.MATERIAL_RECOVERY)


def rests(lines: Iterable[EprReportLine]) -> Mapping[int, str]:
    """By line of a rate: what its input rests on, such as “98.0 % assumed by chemistry, 2.0 % measured”. `lines` are all that are
    of rates, and of what they rest on; those of a recycler's documentation rest on one thing.
    """
    told: dict[tuple[int, str, str], list[str]] = defaultdict(list)
    rates = []
    for line in lines:
        if line.metric == Metric.RESTS_ON and line.value is not None:
            share = number_format(line.value, 1)
            told[line.report_id, line.family, line.element].append(f"{share} % {BASES.get(line.basis, line.basis)}")
        elif line.metric in RATES:
            rates.append(line)
    found = {}
    for line in rates:
        parts = told.get((line.report_id, line.family, line.element)) or told.get((line.report_id, "", ""))
        if parts:
            found[line.pk] = _("rests on: %(parts)s") % {"parts": ", ".join(parts)}
    return found
