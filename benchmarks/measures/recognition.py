"""Known packs are recognized by what is read off them."""

from __future__ import annotations

from benchmarks.results import Results
from collection.models import Facility, Identifier
from collection.services import identifiers
from collection.services.identifiers import NewIdentifier


def measure(results: Results) -> None:
    known = Identifier.objects.filter(battery__status="in_use", scheme="vin").order_by("-pk")[:260]
    read = {f"{number}": NewIdentifier(one.scheme, one.value) for number, one in enumerate(known)}
    yard = Facility.objects.get(name="Bench yard 1")

    def recognize() -> None:
        assert len(identifiers.find_to_collect(yard, read)) == len(read)

    results.measure("260 vehicles at a pickup", recognize, cpu=0.030)
