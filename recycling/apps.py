from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecyclingConfig(AppConfig):
    """From the plant gate to the recovered metal and the report."""

    name = "recycling"
    verbose_name = _("Recycling")
