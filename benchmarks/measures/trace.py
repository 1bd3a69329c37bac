"""From a lot back to its batteries, and from a battery forward to its lots."""

from __future__ import annotations

from functools import partial

from django.db.models import Count

from accounts.models import User
from benchmarks.measures.doors import API, client, get, user
from benchmarks.results import Results
from collection.models import Lot
from recycling.models import Charge


def measure(results: Results) -> None:
    lot, owner, batteries = (
        Lot.objects.filter(number__endswith="/li2co3", output__batch__line__stage="hydro")
        .annotate(batteries=Count("output__batch__charges__lot__output__batch__charges"))
        .order_by("-batteries", "pk")
        .values_list("pk", "owner", "batteries")[0]
    )
    askers = {"superuser": user("superuser"), "its recycler": User.objects.get(memberships__organization=owner)}
    for name, asker in askers.items():
        back = partial(get, client(asker), f"{API}/lot-traces/{lot}/")
        results.measure(f"back from a lot: {name}", back, note=f"{batteries:,} batteries", cpu=0.100)
    charge = Charge.objects.filter(battery__isnull=False, batch__outputs__lot__status="consumed").order_by("pk")[0]
    forward = partial(get, client(user("superuser")), f"{API}/battery-traces/{charge.battery_id}/")
    results.measure("forward from a battery: superuser", forward)
