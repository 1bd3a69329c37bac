from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecyclingConfig(AppConfig):
    """From the plant gate to the recovered metal and the report."""

    name = "recycling"
    verbose_name = _("Recycling")

    def ready(self) -> None:
        from collection.imports.engine import IMPORTERS
        from collection.models import ImportRun
        from collection.services.resting import BATTERIES, RESTING
        from recycling.imports.intake_weighings import IntakeWeighingImporter
        from recycling.imports.market_placements import MarketPlacementImporter
        from recycling.services import resting

        BATTERIES.kept += resting.KEPT_BATTERIES
        if resting.PLACEMENTS not in RESTING:
            RESTING.append(resting.PLACEMENTS)
        IMPORTERS[ImportRun.Kind.MARKET_PLACEMENTS] = MarketPlacementImporter
        IMPORTERS[ImportRun.Kind.INTAKE_WEIGHINGS] = IntakeWeighingImporter
