"""The commands of a pack's way, for a truck of 26 and for ten at once: from the request of a pickup to the closed batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Organization, User
from benchmarks import clock
from benchmarks.measures.doors import client, post, user
from benchmarks.results import Results
from collection.models import CollectionPoint, Identifier
from recycling.models import ProcessLine

type Step = Callable[[str, Callable[[], Any]], Any]


def measure(results: Results) -> None:
    for packs in (26, 260):
        took: dict[str, list[clock.Took]] = {}

        def step(name: str, act: Callable[[], Any], took: dict[str, list[clock.Took]] = took) -> Any:
            made: list[Any] = []
            took.setdefault(name, []).append(clock.once(lambda: made.append(act())))
            return made[0]

        found = vehicles()
        for _run in range(results.repeat):
            truck(step, [next(found) for _pack in range(packs)], is_weighed=False)
            truck(step, [next(found) for _pack in range(packs)], is_weighed=True)
        for name, times in took.items():
            results.took(f"{name}, {packs} packs", clock.median(times, results.repeat))


def vehicles() -> Iterator[str]:
    """VINs of vehicles in use, each once: what was collected is in use no more."""
    in_use = Identifier.objects.filter(battery__status="in_use", scheme="vin").order_by("pk")
    return iter(in_use.values_list("value", flat=True)[:10_000])


def truck(step: Step, vins: list[str], *, is_weighed: bool) -> None:
    """Packs out of their vehicles and to a plant of the country; there received, or weighed, inspected and charged."""
    now = timezone.now()
    then = {hours: (now - timedelta(hours=hours)).isoformat() for hours in range(10)}
    line = ProcessLine.objects.select_related("plant__facility").get(plant__facility__name="Bench preprocess 1")
    plant, collector = line.plant, Organization.objects.get(name="Bench collector")
    recycler = client(User.objects.get(memberships__organization=plant.facility.operator_id))
    driver = client(user("collector of all"))
    point = CollectionPoint.objects.filter(
        facility__name__startswith="Bench yard", facility__jurisdiction__parent=plant.facility.country
    ).order_by("pk")[0]

    asked = {
        "collection_point": point.pk, "collector": collector.pk, "packs_expected": len(vins), "convenient_from": then[9],
        "convenient_until": then[0],
    }  # fmt: skip
    window = {
        "carrier": collector.pk, "destination": plant.facility_id, "window_start": then[8], "window_end": then[7],
    }  # fmt: skip
    scans = {"collected_at": then[6], "batteries": [{"identifier": {"scheme": "vin", "value": vin}} for vin in vins]}
    pickup = step("request", lambda: post(driver, "pickups", asked))["id"]
    step("schedule", lambda: post(driver, f"pickups/{pickup}/schedule", window))
    shipment = step("collect", lambda: post(driver, f"pickups/{pickup}/collect", scans))["shipment"]
    if not is_weighed:
        post(recycler, f"shipments/{shipment}/arrive", {"arrived_at": then[5]})
        step("receive", lambda: post(recycler, f"shipments/{shipment}/receive", {"received_at": then[5]}))
        return

    batteries = [row.battery_id for row in Identifier.objects.filter(scheme="vin", value__in=vins)]
    ticket = {
        "plant": plant.pk, "shipment": shipment, "ticket": f"W{shipment}", "weighed_at": then[5], "gross_value": "200000",
        "tare_value": "15000", "batteries": [{"battery": pk, "received_value": "400"} for pk in batteries],
    }  # fmt: skip
    triage = {
        "plant": plant.pk, "inspected_at": then[4],
        "inspections": [{"battery": pk, "decision": "recycle", "state_of_health": "0.6"} for pk in batteries],
    }  # fmt: skip
    lot = {
        "number": f"W{shipment}", "material": "black-mass", "mass_value": "100", "assays": {"Ni": "0.1"}, "made_at": then[1],
    }  # fmt: skip
    step("weigh", lambda: post(recycler, "intakes", ticket))
    step("inspect", lambda: post(recycler, "inspections", triage))
    batch = post(recycler, "batches", {"line": line.pk, "number": f"W{shipment}", "started_at": then[3]})["id"]
    step("charge", lambda: post(recycler, f"batches/{batch}/charge", {"charged_at": then[2], "batteries": batteries}))
    step("record an output", lambda: post(recycler, f"batches/{batch}/record-output", lot))
    step("close", lambda: post(recycler, f"batches/{batch}/close", {"closed_at": then[0]}))
