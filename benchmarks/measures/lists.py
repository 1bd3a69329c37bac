"""Pages of batteries, for those who see few of them and those who see all."""

from __future__ import annotations

from benchmarks import clock
from benchmarks.measures.doors import API, ROLES, client, get, user
from benchmarks.results import Results
from collection.api.batteries import BatteryViewSet
from collection.models import Identifier

PAGE = 0.030

BATTERIES = f"{API}/batteries/"


def measure(results: Results) -> None:
    for role in ROLES:
        caller = client(user(role))
        first = get(caller, BATTERIES).json()
        value = Identifier.objects.filter(battery=first["results"][-1]["id"]).values_list("value", flat=True)[0]
        pages = {
            "first page": BATTERIES,
            "second page": first["next"],
            "waiting at a plant": f"{BATTERIES}?status=at_facility",
            "placed in one state": f"{BATTERIES}?placed_in=US-CA",
            "by an identifier": f"{BATTERIES}?identifier={value}",
        }
        for name, address in pages.items():
            took = clock.several(lambda address=address: get(caller, address), results.repeat)
            results.took(f"{role}: {name}", took, wall=PAGE)
        if "placed_on" in BatteryViewSet.ordering_fields:
            took = clock.several(lambda: get(caller, f"{BATTERIES}?ordering=placed_on"), results.repeat)
            results.took(f"{role}: by the day of marketing", took, wall=0.050)
    if "placed_on" not in BatteryViewSet.ordering_fields:
        print("  by the day of marketing: not offered")
    caller = client(user("superuser"))
    results.took("superuser: 5,000 in pages of 500", clock.several(lambda: _read(caller, 10), results.repeat), wall=0.583)


def _read(caller: object, pages: int) -> None:
    address = f"{BATTERIES}?page_size=500"
    for _page in range(pages):
        address = get(caller, address).json()["next"]  # type: ignore[arg-type]
