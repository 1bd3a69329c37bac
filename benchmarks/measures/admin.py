"""The admin's long lists."""

from __future__ import annotations

from django.test import Client

from benchmarks import clock
from benchmarks.measures.doors import get, user
from benchmarks.results import Results
from collection.models import Identifier


def measure(results: Results) -> None:
    for role in ("recycler", "collector of all", "superuser"):
        caller = Client(SERVER_NAME="127.0.0.1")
        caller.force_login(user(role))
        value = Identifier.objects.filter(battery=26).values_list("value", flat=True)[0]
        for name, address in {
            "batteries": "/admin/collection/battery/",
            "search by an identifier": f"/admin/collection/battery/?q={value}",
            "ledger": "/admin/collection/custodyevent/",
        }.items():
            took = clock.several(lambda address=address: get(caller, address), results.repeat)  # type: ignore[arg-type]
            results.took(f"{role}: {name}", took, wall=0.300)
