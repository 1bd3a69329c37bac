"""Taking an example world away again, where nothing but reference data would be lost with it."""

from __future__ import annotations

from django.apps import apps
from django.db import connection, models, transaction
from pghistory.models import Event

from accounts.models import Membership, Organization, User
from collection.models import CollectionPoint, Facility, Mandate
from recycling.models import MarketStatistic, Nameplate, Plant, PlantStatus, ProcessLine, ReturnForecastLine

#: Rows that are reference data, or that reference data and people share with the example: only simulated ones go.
_SHARED: tuple[type[models.Model], ...] = (
    Organization,
    User,
    Membership,
    Mandate,
    Facility,
    Plant,
    ProcessLine,
    Nameplate,
    PlantStatus,
)
_REFERENCE = {
    "collection.Jurisdiction", "collection.Chemistry", "collection.Composition", "collection.CompositionElement",
    "collection.Material", "collection.MaterialElement", "collection.BatteryModel", "recycling.EprScheme",
    "recycling.EprTarget", "recycling.CapacityStatement", "recycling.VehicleSales",
}  # fmt: skip


class RealData(Exception):
    """There are data here that no example made."""


@transaction.atomic
def erase() -> bool:
    """Delete the example world; `False` if there is none. Raises `RealData` rather than delete anything else."""
    if not Organization.objects.filter(is_simulated=True).exists():
        return False
    real = [model._meta.verbose_name_plural for model in _operational() if _real(model).exists()]
    if real:
        raise RealData(f"There are data that are not simulated ({', '.join(map(str, real))}); nothing was deleted.")
    tables = ", ".join(connection.ops.quote_name(model._meta.db_table) for model in _emptied())
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables}")
    sites = Facility.objects.filter(is_simulated=True)
    for rows in (
        PlantStatus.objects.filter(plant__facility__in=sites),
        Nameplate.objects.filter(line__plant__facility__in=sites),
        ProcessLine.objects.filter(plant__facility__in=sites),
        Plant.objects.filter(facility__in=sites),
        sites,
        Mandate.objects.filter(organization__is_simulated=True),
        User.objects.filter(memberships__organization__is_simulated=True, is_superuser=False),
        Organization.objects.filter(is_simulated=True),
    ):
        rows.delete()
    return True


def _operational() -> list[type[models.Model]]:
    """What people record. What comes back of vehicles really sold is computed of reference data, and can be again."""
    return [
        model
        for model in _emptied()
        if not issubclass(model, Event)
        and model is not ReturnForecastLine
        and (
            model in (CollectionPoint, MarketStatistic)
            or any(field.name == "is_simulated" for field in model._meta.get_fields())
        )
    ]


def _emptied() -> list[type[models.Model]]:
    """Every table of ours that is neither reference data nor shared, with the histories of those, and all tokens."""
    kept = {model._meta.label for model in _SHARED} | _REFERENCE
    ours = [
        model
        for app in ("accounts", "collection", "recycling")
        for model in apps.get_app_config(app).get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model._meta.label not in kept
    ]
    tracked = [
        (model, model._meta.get_field("pgh_obj").related_model)  # type: ignore[misc]
        for model in ours
        if issubclass(model, Event)
    ]
    histories_kept = {history for history, model in tracked if model._meta.label in kept}
    return [*(model for model in ours if model not in histories_kept), apps.get_model("knox", "AuthToken")]


def _real(model: type[models.Model]) -> models.QuerySet[models.Model]:
    if model is CollectionPoint:
        return model._default_manager.filter(facility__is_simulated=False)
    if model is MarketStatistic:  # of an authority: no example makes any
        return model._default_manager.all()
    return model._default_manager.filter(is_simulated=False)
