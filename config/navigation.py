"""The admin's sidebar: what a person sees follows from what its organizations do, and from what it may view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from accounts.admin.scoped import actor_of
from accounts.models import Function, Organization

COLLECTOR, CARRIER, RECYCLER = Function.COLLECTOR, Function.CARRIER, Function.RECYCLER
PRODUCER, REGULATOR = Function.PRODUCER, Function.REGULATOR
EVERYBODY = tuple(Function)


class Entry(NamedTuple):
    """A list of records in the sidebar: the model's label, its icon, and the functions whose work it is."""

    model: str
    icon: str
    functions: Sequence[Function] = EVERYBODY


GROUPS: list[tuple[Any, bool, list[Entry]]] = [
    (
        gettext_lazy("Collection"),
        False,
        [
            Entry("collection.Pickup", "event", (COLLECTOR, CARRIER, REGULATOR)),
            Entry("collection.Shipment", "local_shipping", (COLLECTOR, CARRIER, RECYCLER, REGULATOR)),
            Entry("collection.Battery", "battery_full"),
            Entry("collection.Proposal", "rate_review"),
            Entry("collection.CustodyEvent", "history", (COLLECTOR, CARRIER, RECYCLER, REGULATOR)),
            Entry("collection.Relation", "handshake"),
            Entry("collection.Handover", "swap_horiz", (COLLECTOR, CARRIER, RECYCLER, REGULATOR)),
            Entry("collection.Receipt", "draw", (COLLECTOR, CARRIER, REGULATOR)),
            Entry("collection.Contest", "gavel", (COLLECTOR, REGULATOR)),
            Entry("collection.Consent", "verified", (COLLECTOR, RECYCLER, REGULATOR)),
            Entry("collection.CollectionPoint", "location_on", (COLLECTOR, CARRIER, REGULATOR)),
            Entry("collection.Facility", "warehouse"),
            Entry("collection.Permit", "badge", (COLLECTOR, CARRIER, RECYCLER, REGULATOR)),
        ],
    ),
    (
        gettext_lazy("Plants"),
        False,
        [
            Entry("recycling.Intake", "scale", (RECYCLER, REGULATOR)),
            Entry("recycling.Discrepancy", "warning", (RECYCLER, REGULATOR)),
            Entry("recycling.Inspection", "fact_check", (RECYCLER, REGULATOR)),
            Entry("recycling.Batch", "science", (RECYCLER, REGULATOR)),
            Entry("collection.Lot", "inventory_2", (RECYCLER, REGULATOR)),
            Entry("recycling.Plant", "factory"),
            Entry("recycling.ProcessLine", "conveyor_belt", (RECYCLER, REGULATOR)),
            Entry("recycling.Outage", "power_off", (RECYCLER, REGULATOR)),
            Entry("recycling.PlantStatus", "toggle_on", (RECYCLER, REGULATOR)),
            Entry("recycling.UtilizationSnapshot", "speed", (RECYCLER, REGULATOR)),
            Entry("recycling.BacklogSnapshot", "hourglass_empty", (RECYCLER, REGULATOR)),
            Entry("recycling.UtilizationRun", "sync", (RECYCLER, REGULATOR)),
            Entry("recycling.ReturnForecast", "trending_up", (COLLECTOR, RECYCLER, REGULATOR)),
        ],
    ),
    (
        gettext_lazy("Compliance"),
        False,
        [
            Entry("recycling.EprReport", "description", (PRODUCER, RECYCLER, REGULATOR)),
            Entry("recycling.ElementsTaken", "checklist", (RECYCLER,)),
            Entry("recycling.MarketPlacement", "sell", (PRODUCER, REGULATOR)),
            Entry("recycling.MarketStatistic", "monitoring", (PRODUCER, REGULATOR)),
            Entry("collection.ClaimContest", "balance"),
            Entry("collection.SerialPattern", "pin", (PRODUCER, REGULATOR)),
            Entry("recycling.EprScheme", "gavel", (PRODUCER, RECYCLER, REGULATOR)),
            Entry("recycling.EprTarget", "flag", (PRODUCER, REGULATOR)),
        ],
    ),
    (
        gettext_lazy("Files"),
        False,
        [Entry("collection.ImportRun", "upload_file", (COLLECTOR, RECYCLER, PRODUCER))],
    ),
    (
        gettext_lazy("Reference"),
        True,
        [
            Entry("collection.BatteryModel", "battery_unknown"),
            Entry("collection.Chemistry", "experiment"),
            Entry("collection.Composition", "pie_chart"),
            Entry("collection.VehiclePattern", "directions_car"),
            Entry("collection.VehicleKind", "no_crash"),
            Entry("collection.AssignmentRun", "published_with_changes"),
            Entry("collection.Material", "category"),
            Entry("collection.Jurisdiction", "public"),
            Entry("collection.Mandate", "policy"),
            Entry("recycling.Nameplate", "straighten"),
            Entry("recycling.CapacityStatement", "campaign"),
            Entry("recycling.VehicleSales", "directions_car"),
        ],
    ),
    (
        gettext_lazy("People"),
        True,
        [
            Entry("accounts.Organization", "corporate_fare"),
            Entry("accounts.Membership", "group"),
            Entry("accounts.Invitation", "mail"),
            Entry("accounts.User", "person"),
            Entry("knox.AuthToken", "key"),
        ],
    ),
]


def functions_of(actor: Actor) -> set[Function]:
    """What the actor's organizations do, taken together; everything for who runs the platform."""
    if actor.user.is_superuser:
        return set(Function)
    return {Function(name) for membership in actor.memberships for name in membership.organization.functions}


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar for this request, as unfold wants it."""
    functions = functions_of(actor_of(request))
    found: list[dict[str, Any]] = [
        {"items": [{"title": _("Start"), "icon": "home", "link": reverse("admin:index")}]},
    ]
    for title, collapsible, entries in GROUPS:
        items = [_item(request, entry) for entry in entries if functions.intersection(entry.functions)]
        kept = [item for item in items if item is not None]
        if kept:
            found.append({"title": title, "collapsible": collapsible, "separator": True, "items": kept})
    return found


def simulated_label(request: HttpRequest) -> list[str] | None:
    """A label in the header while there is anything simulated here: nobody should take a demonstration for fact."""
    if Organization.objects.filter(is_simulated=True).exists():
        return [_("Contains simulated data"), "warning"]
    return None


def _item(request: HttpRequest, entry: Entry) -> dict[str, Any] | None:
    try:
        model = apps.get_model(entry.model)
        link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    except (LookupError, NoReverseMatch):
        return None
    if not admin.site.get_model_admin(model).has_view_permission(request):
        return None
    return {"title": capfirst(model._meta.verbose_name_plural), "icon": entry.icon, "link": link}
