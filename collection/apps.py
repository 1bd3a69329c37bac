from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CollectionConfig(AppConfig):
    """From the vehicle to the plant gate."""

    name = "collection"
    verbose_name = _("Collection")

    def ready(self) -> None:
        from accounts.models import Mail
        from accounts.services.mail import CONTEXTS
        from collection.imports.batteries import BatteryImporter
        from collection.imports.collection_points import CollectionPointImporter
        from collection.imports.engine import IMPORTERS
        from collection.models import ImportRun
        from collection.services import receipts

        CONTEXTS[Mail.Kind.RECEIPT] = receipts.told
        IMPORTERS[ImportRun.Kind.BATTERIES] = BatteryImporter
        IMPORTERS[ImportRun.Kind.COLLECTION_POINTS] = CollectionPointImporter
