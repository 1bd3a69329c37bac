"""What of batteries and placements stays as it is, whatever patterns of vehicles say later (`collection.services.resting`)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from collection.services.resting import Resting
from recycling.models import FILED_REPORTS, ReportStatus

#: Reports that are filed, or being filed.
_FILED = ", ".join(f"'{status.value}'" for status in (*FILED_REPORTS, ReportStatus.SUBMITTING, ReportStatus.SEALING))


def _in_filed_report(table: str, column: str) -> str:
    return f"""EXISTS (
        SELECT FROM {table} e JOIN recycling_eprreport k ON k.id = e.report_id
        WHERE e.{column} = r.id AND k.status IN ({_FILED})
    )"""


KEPT_BATTERIES = [
    "EXISTS (SELECT FROM recycling_charge c WHERE c.battery_id = r.id)",
    _in_filed_report("recycling_eprevidence", "battery_id"),
]

PLACEMENTS = Resting(
    gettext_lazy("market placements"),
    "recycling_marketplacement",
    units="r.units",
    kept=[_in_filed_report("recycling_eprplacement", "placement_id")],
)
