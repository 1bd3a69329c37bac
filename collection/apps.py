from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CollectionConfig(AppConfig):
    """From the vehicle to the plant gate."""

    name = "collection"
    verbose_name = _("Collection")
