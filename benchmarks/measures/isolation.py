"""What it costs that the database looks at each row again: the same requests with and without (ADR 25)."""

from __future__ import annotations

from functools import partial

from django.conf import settings
from django.test import Client, override_settings

from benchmarks.measures.doors import API, ROLES, client, get, user
from benchmarks.results import Results

#: What is read most, and by how much it may be slower.
ADDRESSES = {
    "batteries": f"{API}/batteries/",
    "batteries, filtered": f"{API}/batteries/?status=at_facility",
    "500 batteries": f"{API}/batteries/?page_size=500",
    "lots": f"{API}/lots/",
    "pickups": f"{API}/pickups/",
    "shipments": f"{API}/shipments/",
    "hand-overs": f"{API}/handovers/",
    "intakes": f"{API}/intakes/",
    "batches": f"{API}/batches/",
    "charges": f"{API}/charges/",
    "factors": f"{API}/factors/",
    "reports": f"{API}/epr-reports/",
    "placements": f"{API}/market-placements/",
    "one battery": f"{API}/batteries/26/",
}
PAGES = {
    "start page": "/admin/",
    "its batteries": "/admin/collection/battery/",
    "its shipments": "/admin/collection/shipment/",
    "its ledger": "/admin/collection/custodyevent/",
}
MOST = 1.2

MIDDLEWARE = "config.requests.ActingMiddleware"


def measure(results: Results) -> None:
    for role in ROLES:
        guarded, plain = client(user(role)), client(user(role))
        people, before = Client(SERVER_NAME="127.0.0.1"), Client(SERVER_NAME="127.0.0.1")
        for one in (people, before):
            one.force_login(user(role))
        without = [name for name in settings.MIDDLEWARE if name != MIDDLEWARE]
        with override_settings(MIDDLEWARE=without):
            for one in (plain, before):
                one.handler.load_middleware()
        for name, address in ADDRESSES.items():
            if plain.get(address).status_code == 200:
                _both(results, f"{role}: {name}", guarded, plain, address)
        for name, address in PAGES.items():
            _both(results, f"{role}: admin, {name}", people, before, address)


def _both(results: Results, name: str, guarded: Client, plain: Client, address: str) -> None:
    took = results.measure(f"{name}, without", partial(get, plain, address))
    results.measure(name, partial(get, guarded, address), yardstick=took, ratio=MOST)
