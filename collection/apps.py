from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CollectionConfig(AppConfig):
    """From the vehicle to the plant gate."""

    name = "collection"
    verbose_name = _("Collection")

    def ready(self) -> None:
        from django.conf import settings

        from accounts.models import Mail
        from accounts.services.cleaning import PERISHABLE, Perishable
        from accounts.services.mail import CONTEXTS
        from collection.imports.batteries import BatteryImporter
        from collection.imports.collection_points import CollectionPointImporter
        from collection.imports.engine import IMPORTERS
        from collection.models import ImportRowError, ImportRun
        from collection.services import receipts

        CONTEXTS[Mail.Kind.RECEIPT] = receipts.told
        IMPORTERS[ImportRun.Kind.BATTERIES] = BatteryImporter
        IMPORTERS[ImportRun.Kind.COLLECTION_POINTS] = CollectionPointImporter
        # what was wrong with the rows of a file; that it was imported, by whom and with what outcome, stays
        PERISHABLE.append(
            Perishable(
                "import_errors",
                lambda: settings.KEEP_IMPORT_ERRORS_DAYS,
                lambda before: ImportRowError.objects.filter(run__finished_at__lt=before),
            )
        )
