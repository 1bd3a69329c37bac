"""From a lot back to its batteries, and from a battery forward to its lots."""

from __future__ import annotations

from django.db.models import Count

from accounts.models import User
from benchmarks import clock
from benchmarks.measures.doors import API, client, get, user
from benchmarks.results import Results
from collection.models import Lot
from recycling.models import Charge


def measure(results: Results) -> None:
    lot = (
        Lot.objects.filter(number__endswith="/li2co3", output__batch__line__stage="hydro")
        .annotate(batteries=Count("output__batch__charges__lot__output__batch__charges"))
        .order_by("-batteries", "pk")[0]
    )
    askers = {"superuser": user("superuser"), "its recycler": User.objects.get(memberships__organization=lot.owner)}
    for name, asker in askers.items():
        caller = client(asker)
        took = clock.several(lambda caller=caller: get(caller, f"{API}/lot-traces/{lot.pk}/"), results.repeat)
        results.took(f"back from a lot: {name}", took, note=f"{lot.batteries:,} batteries", cpu=0.100)
    battery = Charge.objects.filter(battery__isnull=False, batch__outputs__lot__status="consumed").order_by("pk")[0].battery_id
    caller = client(user("superuser"))
    results.took(
        "forward from a battery: superuser",
        clock.several(lambda: get(caller, f"{API}/battery-traces/{battery}/"), results.repeat),
    )
