from __future__ import annotations

from django.contrib import admin

from accounts.admin.scoped import ScopedAdmin
from recycling.models import MarketStatistic


@admin.register(MarketStatistic)
class MarketStatisticAdmin(ScopedAdmin):
    list_display = (
        "authority", "jurisdiction", "period_start", "period_end", "producer", "model", "chemistry", "units",
    )  # fmt: skip
    list_filter = ("authority", "chemistry", "jurisdiction")
    list_select_related = ("authority", "jurisdiction", "producer", "model", "chemistry")
    search_fields = ("source_key", "description", "producer__name")
    date_hierarchy = "period_start"
