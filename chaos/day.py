"""The script: loads from a yard to the shredder, each by several people, then what is asked about all of them.

It says every instant itself, so that two days of it leave the same books behind.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from chaos.client import Client, GaveUp
from chaos.world import PASSWORD, Cast

PACKS = 3  # of a load
TRUCKS = 4  # on the road at once
ROWS = 300  # of a file
BACKGROUND = 240.0  # seconds within which work in the background must have ended

START = datetime(2026, 6, 1, 15, tzinfo=UTC)


class Day:
    def __init__(self, cast: Cast, client: Client, loads: int) -> None:
        self.cast, self.loads = cast, loads
        self.by = {name: client.log_in(email, PASSWORD) for name, email in cast.log_ins.items()}

    def run(self) -> None:
        """The loads, and beside them a file; then factors, utilization and the report of everything."""
        with ThreadPoolExecutor(TRUCKS + 1) as people:
            work = [people.submit(self.bring_a_file, number) for number in range(1 + self.loads // 8)]
            work += [people.submit(self.bring_a_load, number) for number in range(self.loads)]
            for one in work:
                one.result()
        self.ask_for_utilization()
        self.file_a_report()

    def bring_a_load(self, nth: int) -> None:
        packs = self._give_up(nth)
        shipment = self._fetch(nth, packs) if nth % 2 else self._send(nth, packs)
        self._recycle(nth, packs, shipment)

    def _give_up(self, nth: int) -> list[int]:
        yard, cast = self.by["yard_owner"], self.cast
        return [
            yard.post(
                "batteries/", f"{nth} battery {number}", organization=cast.organizations["yard_owner"],
                identifiers=[{"scheme": "oem_serial", "value": f"CHAOS-{nth}-{number}", "issuer": "test"}],
                model=cast.model, mass_value=str(395 + number), placed_in="US-NV", facility=cast.yard,
                occurred_at=_at(nth, 0),
            )["id"]
            for number in range(PACKS)
        ]  # fmt: skip

    def _fetch(self, nth: int, packs: list[int]) -> int:
        """By a pickup: announced, scheduled, collected, arrived."""
        cast = self.cast
        pickup = self.by["yard_owner"].post(
            "pickups/", f"{nth} announce", collection_point=cast.point, collector=cast.organizations["collector"],
            packs_expected=PACKS, batteries=packs, convenient_from=_at(nth, 1), convenient_until=_at(nth, 9),
        )["id"]  # fmt: skip
        self.by["collector"].post(
            f"pickups/{pickup}/schedule/", f"{nth} schedule", carrier=cast.organizations["carrier"],
            destination=cast.plant_site, window_start=_at(nth, 1), window_end=_at(nth, 9), vehicle=f"T-{nth}",
        )  # fmt: skip
        scans = [{"battery": pack} for pack in packs]
        shipment: int = self.by["carrier"].post(
            f"pickups/{pickup}/collect/", f"{nth} collect", collected_at=_at(nth, 2), batteries=scans
        )["shipment"]
        self.by["carrier"].post(f"shipments/{shipment}/arrive/", f"{nth} arrive", arrived_at=_at(nth, 3))
        return shipment

    def _send(self, nth: int, packs: list[int]) -> int:
        """By a shipment of the yard's own: drafted, packed, dispatched, arrived, received."""
        cast, yard = self.cast, self.by["yard_owner"]
        shipment: int = yard.post(
            "shipments/", f"{nth} draft", origin=cast.yard, destination=cast.plant_site,
            carrier=cast.organizations["carrier"],
        )["id"]  # fmt: skip
        lines = [{"battery": pack, "package": "1"} for pack in packs]
        yard.post(f"shipments/{shipment}/pack/", f"{nth} pack", packages=[{"label": "1"}], lines=lines)
        yard.post(f"shipments/{shipment}/make-ready/", f"{nth} ready")
        self.by["carrier"].post(f"shipments/{shipment}/dispatch/", f"{nth} dispatch", dispatched_at=_at(nth, 2))
        self.by["carrier"].post(f"shipments/{shipment}/arrive/", f"{nth} arrive", arrived_at=_at(nth, 3))
        if nth % 4 == 0:  # the others are received where they are weighed
            self.by["recycler"].post(f"shipments/{shipment}/receive/", f"{nth} receive", received_at=_at(nth, 4))
        return shipment

    def _recycle(self, nth: int, packs: list[int], shipment: int) -> None:
        plant, cast = self.by["recycler"], self.cast
        if nth % 2 or nth % 4:
            plant.post(
                "intakes/", f"{nth} weigh", plant=cast.plant, shipment=shipment, ticket=f"W-{nth}",
                weighed_at=_at(nth, 4), gross_value="16188", tare_value="15000",
                batteries=[{"battery": pack, "received_value": str(395 + n)} for n, pack in enumerate(packs)],
            )  # fmt: skip
        plant.post(
            "inspections/", f"{nth} inspect", plant=cast.plant, inspected_at=_at(nth, 5),
            inspections=[{"battery": pack, "decision": "recycle"} for pack in packs],
        )  # fmt: skip
        batch = plant.post("batches/", f"{nth} open", line=cast.shredder, number=f"B-{nth}", started_at=_at(nth, 6))
        address = f"batches/{batch['id']}"
        plant.post(f"{address}/charge/", f"{nth} charge", charged_at=_at(nth, 7), batteries=packs)
        for material, mass, assays in (
            ("black_mass", "360", {"Li": "0.03", "Ni": "0.18"}),
            ("copper", "45", None),
        ):
            made = {"assays": assays} if assays else {}
            plant.post(
                f"{address}/record-output/", f"{nth} output {material}", number=f"{material}-{nth}",
                material=material, mass_value=mass, made_at=_at(nth, 8), **made,
            )  # fmt: skip
        plant.post(f"{address}/close/", f"{nth} close", closed_at=_at(nth, 9))

    def bring_a_file(self, nth: int) -> None:
        rows = [f"internal,chaos,F{nth}-{number},nmc-60,400,kg,US-NV" for number in range(ROWS)]
        content = "\r\n".join(["scheme,issuer,value,model,mass,mass_unit,placed_in", *rows, ""])
        yard = self.by["yard_owner"]
        organization = self.cast.organizations["yard_owner"]
        run = yard.upload("imports/", f"file {nth}", f"{nth}.csv", content, organization=organization, kind="batteries")
        self._wait_for(yard, f"imports/{run['id']}/", "done")

    def ask_for_utilization(self) -> None:
        plant = self.by["recycler"]
        until = START + timedelta(days=self.loads)
        run = plant.post(
            "utilization-runs/", "utilization", from_day=START.date().isoformat(), to_day=until.date().isoformat()
        )
        self._wait_for(plant, f"utilization-runs/{run['id']}/", "done")

    def file_a_report(self) -> None:
        producer, signs, decides = self.by["producer"], self.by["producer manager"], self.by["regulator manager"]
        report = producer.post(
            "epr-reports/", "report", scheme=self.cast.scheme, producer=self.cast.organizations["producer"],
            jurisdiction="US-NV", period_start="2026-01-01", period_end="2026-10-31",
        )  # fmt: skip
        address = f"epr-reports/{report['id']}/"
        self._wait_for(producer, address, "draft")
        signs.post(f"{address}submit/", "submit")
        self._wait_for(producer, address, "submitted")
        proof = decides.get(f"{address}verify/")
        if not proof["figures_agree"]:
            raise GaveUp(f"the report does not follow from its evidence: {proof}")
        decides.post(f"{address}accept/", "accept", note="complete")

    def _wait_for(self, client: Client, path: str, status: str) -> Any:
        deadline = time.monotonic() + BACKGROUND
        while time.monotonic() < deadline:
            found = client.get(path)
            if found["status"] == status:
                return found
            if found["status"] in ("failed", "error", "rejected"):
                raise GaveUp(f"{path} ended as {found['status']}: {found.get('message')}")
            client.stopped.wait(0.5)
        raise GaveUp(f"{path} is {found['status']} after {BACKGROUND:.0f} s, not {status}")


def _at(nth: int, step: int) -> str:
    """The instant of a step of a load: one load a day, in the summer of the script."""
    return (START + timedelta(days=nth % 60, minutes=10 * step)).isoformat()
