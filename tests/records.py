"""Records of every kind, made by those whose they are, and what is sent to the doors: for whoever walks them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from allauth.mfa.models import Authenticator
from knox.models import AuthToken

from accounts.actors import Actor
from accounts.models import Invitation, Membership, Organization, Role, User
from accounts.services import invitations
from collection.models import (
    AssignmentRun,
    Battery,
    CollectionPoint,
    Consent,
    Contest,
    Facility,
    Handover,
    ImportRun,
    Lot,
    Material,
    Permit,
    Pickup,
    PickupFinding,
    Receipt,
    Relation,
    Shipment,
    VehicleKind,
    VehiclePattern,
)
from collection.services import (
    assignments,
    batteries,
    claim_contests,
    consents,
    facilities,
    lots,
    pickups,
    proposals,
    receipts,
    relations,
    serial_patterns,
    shipments,
)
from collection.services.findings import Scan
from collection.validators import is_vin
from recycling.models import (
    CapacityStatement,
    EprScheme,
    Factor,
    Inspection,
    Outcome,
    PlantStatus,
    ReturnForecast,
    UtilizationRun,
    VehicleSales,
)
from recycling.services import (
    elements_taken,
    factors,
    forecasts,
    intakes,
    outputs,
    plants,
    report_job,
    reports,
    utilization,
)
from tests.recycling import chains, filing
from tests.world import (
    World,
    ago,
    batteries_at,
    claimed_at,
    collected_pickup,
    drafted_shipment,
    scheduled_pickup,
    serial,
)


def when(**delta: float) -> str:
    return ago(**delta).isoformat()


# Records, made by those whose they are


def pack(w: World) -> Battery:
    return batteries_at(w, w.yard)[0]


def claimed_pack(w: World) -> Battery:
    return claimed_at(w, w.yard)[0]


def claim_contest(w: World) -> Any:
    """The yard said that a pack is of the producer, and the producer that it is not."""
    return claim_contests.contest_claim(
        actor=w.actor(w.producer, Role.MANAGER), battery=claimed_pack(w), statement="not ours"
    )


def answered_contest(w: World) -> Any:
    return claim_contests.answer(actor=w.actor(w.yard_owner), contest=claim_contest(w), statement="the label")


def serial_pattern(w: World) -> Any:
    return serial_patterns.file(
        actor=w.actor(w.producer, Role.MANAGER), producer=w.producer, scheme="oem_serial", pattern="XYZ*"
    )


def pack_in_use(w: World) -> Battery:
    return batteries.register(
        actor=w.actor(w.yard_owner), organization=w.yard_owner, model=w.nmc_pack, identifiers=[serial()]
    )


def lost_pack(w: World) -> Battery:
    return batteries.report_lost(actor=w.actor(w.yard_owner), battery=pack(w), occurred_at=ago(days=5), reason="stolen")


def draft(w: World) -> Shipment:
    return drafted_shipment(w, [pack(w)])


def ready(w: World) -> Shipment:
    return shipments.make_ready(actor=w.actor(w.yard_owner), shipment=draft(w))


def on_the_road(w: World) -> Shipment:
    return shipments.dispatch(actor=w.actor(w.yard_owner), shipment=ready(w), dispatched_at=ago(days=4))


def at_the_gate(w: World) -> Shipment:
    return shipments.arrive(actor=w.actor(w.carrier), shipment=on_the_road(w), arrived_at=ago(days=3))


def received(w: World) -> Shipment:
    return shipments.receive(actor=w.actor(w.recycler), shipment=at_the_gate(w), received_at=ago(days=2))


def consent(w: World) -> Consent:
    return consents.record(
        actor=w.actor(w.recycler, Role.MANAGER), exporter=w.recycler, importer=w.refiner, from_country=w.us,
        to_country=w.ca, number="A-1", authority="EPA", valid_from=date(2025, 1, 1), valid_until=date(2030, 1, 1),
    )  # fmt: skip


def permit(w: World) -> Permit:
    return facilities.add_permit(
        actor=w.actor(w.recycler, Role.MANAGER), facility=w.plant_site, kind="storage", number="P-1",
        valid_from=date(2025, 1, 1), valid_until=date(2025, 12, 31),
    )  # fmt: skip


def plant_point(w: World) -> CollectionPoint:
    """A collection point; the stranger, who is a carrier too, sees all that are."""
    return facilities.register_collection_point(
        actor=w.actor(w.recycler, Role.MANAGER), facility=w.plant_site, kind="other"
    )


def closed_point(w: World) -> CollectionPoint:
    return facilities.deactivate(actor=w.actor(w.recycler, Role.MANAGER), collection_point=plant_point(w))


def offered_relation(w: World) -> Relation:
    """One that the yard offers to the collector, in the place of the one that stands."""
    return relations.offer(
        actor=w.actor(w.yard_owner, Role.MANAGER), kind="collect", giver=w.yard_owner, taker=w.collector
    )


def only_relation(w: World) -> Relation:
    """The same, where none stands."""
    standing_relation(w).delete()
    return offered_relation(w)


def standing_relation(w: World) -> Relation:
    return Relation.objects.get(kind="collect", giver=w.yard_owner, taker=w.collector, status="accepted")


def unclaimed_site(w: World) -> Facility:
    """A place whose operator has nobody here."""
    owner = Organization.objects.create(name="Nobody's Yard")
    return Facility.objects.create(operator=owner, name="Ely Yard", jurisdiction=w.nv, time_zone=w.nv.time_zone)


def declared_relation(w: World) -> Relation:
    """That the collector serves a place whose operator has nobody here."""
    site = unclaimed_site(w)
    return relations.offer(
        actor=w.actor(w.collector, Role.MANAGER), kind="collect", giver=site.operator, taker=w.collector,
        facilities=[site],
    )  # fmt: skip


def unclaimed_pickup(w: World) -> Pickup:
    """One at such a place, that a truck can carry out once somebody there signed."""
    site = declared_relation(w).facilities.get()
    point = CollectionPoint.objects.create(facility=site, kind="salvage_yard")
    return scheduled_pickup(w, actor=w.actor(w.collector), collection_point=point)


SIGNED = {"name": "Ann Owen", "role": "foreman", "signature": "M10 10L90 80L170 20", "email": "ann@yard.example"}


def found(w: World, pickup: Pickup | None = None, number: int = 1) -> Pickup:
    """A pickup with findings that wait."""
    pickup = pickup or scheduled_pickup(w)
    return pickups.find(
        actor=w.actor(w.carrier), pickup=pickup, batteries=[Scan(identifier=serial()) for _ in range(number)]
    )


def findings_body(w: World, pickup: Pickup) -> dict[str, Any]:
    return {"findings": list(pickup.findings.values_list("pk", flat=True))}


def finding(w: World) -> PickupFinding:
    return found(w).findings.get()


def with_code(w: World) -> Pickup:
    """A pickup whose code is shown to who makes it: `plain_code`."""
    return pickups.show_code(actor=w.actor(w.yard_owner), pickup=scheduled_pickup(w))


def receipt(w: World) -> Receipt:
    """Somebody signed for a pack that the carrier found, and the carrier took it away."""
    pickup, scan = unclaimed_pickup(w), Scan(identifier=serial())
    driver = w.actor(w.carrier)
    pickups.find(actor=driver, pickup=pickup, batteries=[scan])
    pickups.sign(actor=driver, pickup=pickup, **SIGNED)
    pickups.collect(actor=driver, pickup=pickup, collected_at=ago(days=7), batteries=[scan])
    return Receipt.objects.get()


def contest(w: World) -> Contest:
    return receipts.contest(link=receipt(w).link, name="Ann Owen", statement="That was not me.")


def handover(w: World) -> Handover:
    collected_pickup(w, 1)
    return Handover.objects.get()


def import_run(w: World) -> ImportRun:
    return ImportRun.objects.create(
        kind=ImportRun.Kind.COLLECTION_POINTS, organization=w.yard_owner, requested_by=w.user(w.yard_owner),
        filename="x.csv", sha256="0" * 64, has_file=True,
    )  # fmt: skip


def member(w: World) -> Membership:
    return Membership.objects.get(organization=w.recycler, role=Role.VIEWER)


def strict_organization(w: World) -> Organization:
    """One that requires a second factor; everybody of it has one."""
    Organization.objects.filter(pk=w.recycler.pk).update(requires_second_factor=True)
    for user in w.users.values():
        Authenticator.objects.get_or_create(user=user, type="totp", defaults={"data": {"secret": "A" * 32}})
    return Organization.objects.get(pk=w.recycler.pk)


def invitation(w: World) -> Invitation:
    """One that could be sent again now, for somebody who is known here."""
    made = invitations.invite(
        actor=w.actor(w.recycler, Role.MANAGER), organization=w.recycler, email=w.user(w.carrier).email
    )
    Invitation.objects.filter(pk=made.pk).update(mailed_at=ago(hours=1))
    return made


def token(w: World) -> AuthToken:
    """A token of whoever asks: there is one for each, under the same key, which is unique only with its user."""
    made = None
    for user in w.users.values():
        AuthToken.objects.bulk_create([AuthToken(digest=f"{user.pk:0128}", token_key="0" * 15, user=user)])
        made = AuthToken.objects.get(user=user)
    return made


def lot(w: World) -> Lot:
    return lots.bring_in(
        actor=w.actor(w.recycler), facility=w.plant_site, number="X-1", material=material(w), mass_value=Decimal(100),
        origin="elsewhere", brought_at=ago(days=9),
    )  # fmt: skip


def material(w: World) -> Material:
    return Material.objects.get(pk="black_mass")


def sold_lot(w: World) -> Lot:
    return lots.dispose(
        actor=w.actor(w.recycler), lot=lot(w), disposition="sold", note="to Asia", disposed_at=ago(days=8)
    )


def line_of(shipment: Shipment) -> int:
    return shipment.lines.get().pk


def shipment_body(w: World, record: Any = None) -> dict[str, Any]:
    return {"origin": w.yard.pk, "destination": w.plant_site.pk, "carrier": w.carrier.pk}


def pickup_body(w: World, record: Any = None) -> dict[str, Any]:
    return {
        "collection_point": w.point.pk, "collector": w.collector.pk, "packs_expected": 1,
        "convenient_from": when(days=3), "convenient_until": when(days=2),
    }  # fmt: skip


def schedule_body(w: World, record: Any = None) -> dict[str, Any]:
    return {
        "carrier": w.carrier.pk, "destination": w.plant_site.pk, "window_start": when(days=3),
        "window_end": when(days=2),
    }  # fmt: skip


def intake(w: World) -> Any:
    pickup = collected_pickup(w, 1)
    return intakes.record(
        actor=w.actor(w.recycler), plant=w.plant, shipment=pickup.shipment, ticket="T-1", weighed_at=ago(days=6),
        gross_value=Decimal(1000), tare_value=Decimal(500),
    )  # fmt: skip


def discrepancy(w: World) -> Any:
    return intake(w).discrepancies.get()


def inspection(w: World) -> Inspection:
    chains.packs(w)
    return Inspection.objects.get()


def to_be_reused(w: World) -> Battery:
    return chains.packs(w, decision="reuse")[0]


def with_output(w: World) -> Any:
    batch = chains.charged(w)
    chains.output(w, batch, "black_mass", 100, assays=chains.BLACK_MASS)
    return batch


def with_reagent(w: World) -> Any:
    batch = chains.charged(w)
    outputs.add_reagent(actor=w.actor(w.recycler), batch=batch, name="water", mass_value=Decimal(1))
    return batch


def closed_batch(w: World) -> Any:
    return chains.closed(w)[0]


def charge(w: World) -> Any:
    return chains.charged(w).charges.get()


def factor(w: World) -> Any:
    closed_batch(w)
    factors.refresh()
    return Factor.objects.first()


def outcome(w: World) -> Any:
    closed_batch(w)
    factors.refresh()
    return Outcome.objects.first()


def reinstated_lot(w: World) -> Lot:
    """In stock, and once it left."""
    actor = w.actor(w.recycler, Role.MANAGER)
    return lots.reinstate(actor=actor, lot=sold_lot(w), reinstated_at=ago(days=7), reason="unpaid")


def output_lot(w: World) -> Lot:
    return chains.closed(w)[1]


def charged_pack(w: World) -> Battery:
    return Battery.objects.get(pk=chains.charged(w).charges.get().battery_id)


def nameplate(w: World) -> Any:
    return w.shredder.nameplates.get()


def outage(w: World) -> Any:
    return plants.add_outage(
        actor=w.actor(w.recycler, Role.MANAGER), line=w.shredder, first_day=date(2025, 1, 1), kind="planned"
    )


def plant_status(w: World) -> PlantStatus:
    return plants.add_status(
        actor=w.actor(w.recycler, Role.MANAGER),
        plant=w.plant,
        status="operating",
        valid_from=date(2020, 1, 1),
        source="x",
    )


def statement(w: World) -> CapacityStatement:
    return CapacityStatement.objects.create(
        key="x", name="Somewhere", jurisdiction=w.nv, standing="announced", source="x", confidence="S2"
    )


def vehicle_sales(w: World) -> VehicleSales:
    return VehicleSales.objects.create(
        jurisdiction=w.us, kind="car", year=2020, scenario="momentum", units=1000, kwh_per_vehicle=80,
        kwh_per_kg=Decimal("0.2"), is_modeled=False, source="x", confidence="S",
    )  # fmt: skip


def forecast(w: World) -> ReturnForecast:
    return forecasts.request(actor=w.actor(w.recycler), first_year=2025, last_year=2030)


def vehicle_pattern(w: World, **fields: Any) -> VehiclePattern:
    given = {
        "by": "vin",
        "make": "TESLA",
        "positions": "5YJ3???B",
        "model": w.nmc_pack,
        "source": "test",
        "confidence": "S",
    }
    return VehiclePattern.objects.create(**{**given, **fields})


def tesla_vin(number: int = 1, motor: str = "B", year: str = "P") -> str:
    """Of a Model 3."""
    digits = "0123456789X"
    start, end = f"5YJ3E1E{motor}", f"{year}F{number:06}"
    return next(vin for digit in digits if is_vin(vin := f"{start}{digit}{end}"))


def vehicle_kind(w: World) -> VehicleKind:
    return VehicleKind.objects.create(listed_in="wa", make="TESLA", name="MODEL 3", fuel="BEV", year=2023)


def assignment_run(w: World) -> AssignmentRun:
    platform = User.objects.filter(is_superuser=True).first()
    platform = platform or User.objects.create_superuser("platform@relode.example", None, name="Platform")
    return assignments.request(actor=Actor.of(platform))


def utilization_run(w: World) -> UtilizationRun:
    return utilization.request(actor=w.actor(w.recycler), from_day=date(2025, 1, 1), to_day=date(2025, 1, 2))


def scheme(w: World) -> Any:
    return filing.scheme("eu_reference")


def asked_report(w: World) -> Any:
    return filing.asked(w)


def proposal(w: World) -> Any:
    """By the yard, of a pack that it gave to the plant."""
    battery = Battery.objects.get(shipment_lines__shipment=received(w))
    return proposals.propose(
        actor=w.actor(w.yard_owner), organization=w.yard_owner, battery=battery, reason="x", mass_value=Decimal(401)
    )


def correction(w: World) -> Any:
    made = reports.correct(actor=w.actor(w.producer, Role.MANAGER), report=filing.filed(w))
    report_job.compute(made.pk)
    return made


def placement(w: World) -> Any:
    return filing.declared(w, "q1")


def statistic(w: World) -> Any:
    return filing.counted(w, "q1")


def placement_body(w: World, record: Any = None) -> dict[str, Any]:
    return {
        "producer": w.producer.pk, "jurisdiction": "US-NJ", "period_start": "2025-01-01",
        "period_end": "2025-03-31", "units": 12, "model": w.nmc_pack.pk, "source_key": "q1",
    }  # fmt: skip


def report_body(w: World, record: Any) -> dict[str, Any]:
    return {
        "scheme": record.pk, "producer": w.producer.pk, "jurisdiction": "US-NV", "period_start": "2025-01-01",
        "period_end": "2025-12-31",
    }  # fmt: skip


def recycler_scheme(w: World) -> EprScheme:
    return EprScheme.objects.filter(code="test-recycler").first() or filing.scheme("recycler", families=["lithium"])


def document_body(w: World, scheme: EprScheme) -> dict[str, Any]:
    return {"plant": w.plant.pk, "scheme": scheme.pk, "year": 2025}


def elements_choice(w: World) -> Any:
    return elements_taken.choose(
        actor=w.actor(w.recycler, Role.MANAGER), recycler=w.recycler, year=2024, elements=["C"]
    )


def choice_body(w: World, _record: Any) -> dict[str, Any]:
    return {"recycler": w.recycler.pk, "year": 2026, "elements": ["C", "P"]}


def analysis_body(w: World, _record: Any) -> dict[str, Any]:
    return {
        "method": "outputs", "analyzed_on": "2026-01-02", "is_measured": True, "fractions": {"Ni": "0.1"},
    }  # fmt: skip
