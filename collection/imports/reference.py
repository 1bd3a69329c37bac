"""Columns that name what the reference data knows: each reads it once, as its parser is made."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from accounts.models import Function, Organization
from collection.imports.columns import Parser, one_of
from collection.models import BatteryModel, Chemistry, Jurisdiction


def jurisdiction() -> Parser:
    """A jurisdiction by its code."""
    known = {place.code: place for place in Jurisdiction.objects.all()}
    return one_of(known, lambda: _("Not an ISO 3166 code known here, such as US-NV."))


def battery_model(models: Iterable[BatteryModel] | None = None) -> Parser:
    """A battery model by its code; `models`: where they were read already."""
    known = {model.code: model for model in (BatteryModel.objects.all() if models is None else models)}
    return one_of(known, lambda: _("There is no battery model with this code."))


def chemistry() -> Parser:
    """The code of a chemistry."""
    known = {code: code for code in Chemistry.objects.values_list("code", flat=True)}
    return one_of(known, lambda: _("There is no chemistry with this code."))


def producer() -> Parser:
    """The id of a producer, by its name."""
    known = {found.name: found.pk for found in Organization.objects.with_function(Function.PRODUCER)}
    return one_of(known, lambda: _("There is no producer of this name."))
