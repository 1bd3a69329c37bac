"""Pages of batteries, for those who see few of them and those who see all."""

from __future__ import annotations

from functools import partial

from rest_framework.test import APIClient

from benchmarks.measures.doors import API, ROLES, client, get, user
from benchmarks.results import Results
from collection.api.batteries import BatteryViewSet
from collection.models import Identifier

BATTERIES = f"{API}/batteries/"

#: Any page; and what USEPA/haztrak takes for 5,000 entries at once.
PAGE, HAZTRAK = 0.030, 0.583


def measure(results: Results) -> None:
    is_offered = "placed_on" in BatteryViewSet.ordering_fields
    for role in ROLES:
        caller = client(user(role))
        first = get(caller, BATTERIES).json()
        value = Identifier.objects.filter(battery=first["results"][-1]["id"]).values_list("value", flat=True)[0]
        for name, address in {
            "first page": BATTERIES,
            "second page": first["next"],
            "waiting at a plant": f"{BATTERIES}?status=at_facility",
            "placed in one state": f"{BATTERIES}?placed_in=US-CA",
            "by an identifier": f"{BATTERIES}?identifier={value}",
        }.items():
            results.measure(f"{role}: {name}", partial(get, caller, address), wall=PAGE)
        if is_offered:
            ordered = partial(get, caller, f"{BATTERIES}?ordering=placed_on")
            results.measure(f"{role}: by the day of marketing", ordered, wall=0.050)
    if not is_offered:
        print("  by the day of marketing: not offered")
    results.measure("superuser: 5,000 in ten pages", partial(_ten_pages, client(user("superuser"))), wall=HAZTRAK)


def _ten_pages(caller: APIClient) -> None:
    address = f"{BATTERIES}?page_size=500"
    for _page in range(10):
        address = get(caller, address).json()["next"]
