"""The admin's long lists."""

from __future__ import annotations

from functools import partial

from django.test import Client

from benchmarks.measures.doors import get, user
from benchmarks.results import Results
from collection.models import Identifier


def measure(results: Results) -> None:
    value = Identifier.objects.filter(battery=26).values_list("value", flat=True)[0]
    for role in ("recycler", "collector of all", "superuser"):
        caller = Client(SERVER_NAME="127.0.0.1")
        caller.force_login(user(role))
        for name, address in {
            "batteries": "/admin/collection/battery/",
            "search by an identifier": f"/admin/collection/battery/?q={value}",
            "ledger": "/admin/collection/custodyevent/",
        }.items():
            results.measure(f"{role}: {name}", partial(get, caller, address), wall=0.300)
