"""Every door of the API and who may go through it. `tests/test_doors.py` walks them all, and fails for one that is not
named here.

A door names the organization of the test world whose people it is for, the least role that opens it, and how to make
the record behind it. Strangers get 404 for a record that they may not know of, and find it in no list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from knox.models import AuthToken

from accounts.models import Membership, Role
from collection.models import Battery, CollectionPoint, Consent, ImportRun, Lot, Material, Permit, Shipment
from collection.services import batteries, consents, facilities, lots, shipments
from recycling.models import Factor, Inspection, UtilizationRun
from recycling.services import factors, intakes, outputs, plants, report_job, reports, utilization
from tests.recycling import chains, filing
from tests.world import (
    World,
    ago,
    batteries_at,
    collected_pickup,
    drafted_shipment,
    requested_pickup,
    scheduled_pickup,
    serial,
)

type Make = Callable[[World], Any]
type Body = Callable[[World, Any], dict[str, Any]]

MANAGER, OPERATOR, VIEWER = Role.MANAGER, Role.OPERATOR, Role.VIEWER


@dataclass(frozen=True)
class Door:
    """One door; see above. `status` is what those get whom it is for."""

    of: str
    role: Role = VIEWER
    record: Make | None = None
    body: Body = lambda w, r: {}
    status: int = 200
    is_public: bool = False
    """Whether every logged-in user may see the record (though not change it)."""
    is_own: bool = False
    """Whether every logged-in user has a door of its own here."""
    is_table: bool = False
    """Whether it answers with figures instead of records."""
    is_multipart: bool = False
    stranger: str = "stranger"
    """Whose people it is not for."""
    key: Callable[[Any], Any] = lambda record: record.pk
    """What stands in the address."""


def when(**delta: float) -> str:
    return ago(**delta).isoformat()


# Records, made by those whose they are


def pack(w: World) -> Battery:
    return batteries_at(w, w.yard)[0]


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
        actor=w.actor(w.recycler, MANAGER), exporter=w.recycler, importer=w.refiner, from_country=w.us,
        to_country=w.ca, number="A-1", authority="EPA", valid_from=date(2025, 1, 1), valid_until=date(2030, 1, 1),
    )  # fmt: skip


def permit(w: World) -> Permit:
    return facilities.add_permit(
        actor=w.actor(w.recycler, MANAGER), facility=w.plant_site, kind="storage", number="P-1",
        valid_from=date(2025, 1, 1), valid_until=date(2025, 12, 31),
    )  # fmt: skip


def plant_point(w: World) -> CollectionPoint:
    """A collection point; the stranger, who is a carrier too, sees all that are."""
    return facilities.register_collection_point(actor=w.actor(w.recycler, MANAGER), facility=w.plant_site, kind="other")


def closed_point(w: World) -> CollectionPoint:
    return facilities.deactivate(actor=w.actor(w.recycler, MANAGER), collection_point=plant_point(w))


def import_run(w: World) -> ImportRun:
    return ImportRun.objects.create(
        kind=ImportRun.Kind.COLLECTION_POINTS, organization=w.yard_owner, requested_by=w.user(w.yard_owner),
        filename="x.csv", sha256="0" * 64, content=b"",
    )  # fmt: skip


def member(w: World) -> Membership:
    return Membership.objects.get(organization=w.recycler, role=VIEWER)


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


def output_lot(w: World) -> Lot:
    return chains.closed(w)[1]


def charged_pack(w: World) -> Battery:
    return Battery.objects.get(pk=chains.charged(w).charges.get().battery_id)


def nameplate(w: World) -> Any:
    return w.shredder.nameplates.get()


def outage(w: World) -> Any:
    return plants.add_outage(
        actor=w.actor(w.recycler, MANAGER), line=w.shredder, first_day=date(2025, 1, 1), kind="planned"
    )


def utilization_run(w: World) -> UtilizationRun:
    return utilization.request(actor=w.actor(w.recycler), from_day=date(2025, 1, 1), to_day=date(2025, 1, 2))


def scheme(w: World) -> Any:
    return filing.scheme("eu_reference")


def correction(w: World) -> Any:
    made = reports.correct(actor=w.actor(w.producer, MANAGER), report=filing.filed(w))
    report_job.compute(made.pk)
    return made


def placement(w: World) -> Any:
    return filing.declared(w, "q1")


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


def resource(path: str, see: Door, **verbs: Door) -> dict[tuple[str, str], Door]:
    """The list and the record of a resource, its POST (`create`) and its verbs; `get_x` is a part that is read."""
    doors = {("GET", f"{path}/"): see, ("GET", f"{path}/{{pk}}/"): see}
    for name, door in verbs.items():
        word = name.removeprefix("get_").replace("_", "-")
        if name == "create":
            doors["POST", f"{path}/"] = door
        else:
            doors["GET" if name.startswith("get_") else "POST", f"{path}/{{pk}}/{word}/"] = door
    return doors


def public(record: Make, key: Any = lambda record: record.pk) -> Door:
    return Door("recycler", record=record, is_public=True, key=key)


POINT = Door("recycler", record=plant_point, stranger="producer")  # whoever drives there knows of it
PACK = Door("yard_owner", record=pack)
BATCH = Door("recycler", OPERATOR, record=chains.opened)
LOT = Door("recycler", OPERATOR, record=lot)
REPORT = Door("producer", record=filing.drafted)

#: Doors of the REST API, below /api/v1/.
API: dict[tuple[str, str], Door] = {
    ("POST", "auth/logout/"): Door("recycler", is_own=True, status=204),
    ("POST", "auth/logout-all/"): Door("recycler", is_own=True, status=204),
    ("GET", "auth/tokens/"): Door("recycler", is_own=True),
    ("POST", "auth/tokens/"): Door("recycler", is_own=True, status=201),
    ("DELETE", "auth/tokens/{token_key}/"): Door(
        "recycler", record=token, is_own=True, status=204, key=lambda made: made.token_key
    ),
    ("GET", "me/"): Door("recycler", is_own=True),
    **resource("organizations", public(lambda w: w.recycler)),
    **resource(
        "memberships", Door("recycler", record=member),
        create=Door(
            "recycler", MANAGER, status=201,
            body=lambda w, r: {"organization": w.recycler.pk, "email": "new@person.example"},
        ),
        change_role=Door("recycler", MANAGER, member, lambda w, r: {"role": "operator"}),
    ),
    ("DELETE", "memberships/{pk}/"): Door("recycler", MANAGER, member, status=204),
    **resource("jurisdictions", public(lambda w: w.nv)),
    **resource("chemistries", public(lambda w: w.nmc)),
    **resource("battery-models", public(lambda w: w.nmc_pack)),
    **resource("materials", public(material)),
    **resource(
        "facilities", public(lambda w: w.plant_site),
        create=Door(
            "recycler", MANAGER, status=201,
            body=lambda w, r: {"operator": w.recycler.pk, "name": "Annex", "jurisdiction": "US-NV"},
        ),
        change=Door("recycler", MANAGER, lambda w: w.plant_site, lambda w, r: {"locality": "Fernley"}, is_public=True),
    ),
    **resource(
        "permits", Door("recycler", record=permit),
        create=Door(
            "recycler", MANAGER, status=201,
            body=lambda w, r: {
                "facility": w.plant_site.pk, "kind": "storage", "number": "1", "valid_from": "2025-01-01",
                "valid_until": "2025-12-31",
            },
        ),
    ),
    **resource(
        "collection-points", POINT,
        create=Door(
            "recycler", MANAGER, status=201, body=lambda w, r: {"facility": w.plant_site.pk, "kind": "other"}
        ),
        change=replace(POINT, role=OPERATOR, body=lambda w, r: {"contact": "Ann"}),
        deactivate=replace(POINT, role=MANAGER),
        activate=replace(POINT, role=MANAGER, record=closed_point),
    ),
    **resource(
        "imports", Door("yard_owner", record=import_run),
        create=Door(
            "yard_owner", OPERATOR, status=201, is_multipart=True,
            body=lambda w, r: {
                "organization": w.yard_owner.pk, "kind": "collection_points",
                "file": SimpleUploadedFile("x.csv", b"name,kind,jurisdiction\n"),
            },
        ),
        get_errors=Door("yard_owner", record=import_run),
        get_errors_csv=Door("yard_owner", record=import_run),
    ),
    **resource(
        "batteries", PACK,
        create=Door(
            "yard_owner", OPERATOR, status=201,
            body=lambda w, r: {
                "organization": w.yard_owner.pk, "identifiers": [{"scheme": "internal", "value": "door"}],
            },
        ),
        get_life=PACK,
        give_up=Door(
            "yard_owner", OPERATOR, pack_in_use, lambda w, r: {"facility": w.yard.pk, "occurred_at": when(days=1)}
        ),
        identify=Door("yard_owner", OPERATOR, pack, lambda w, r: {"scheme": "internal", "value": "door"}),
        correct=Door("yard_owner", OPERATOR, pack, lambda w, r: {"reason": "x", "mass_value": "401"}),
        report_lost=Door(
            "yard_owner", OPERATOR, pack, lambda w, r: {"reason": "x", "occurred_at": when(days=1)}
        ),
        report_found=Door(
            "yard_owner", OPERATOR, lost_pack, lambda w, r: {"facility": w.yard.pk, "occurred_at": when(days=1)}
        ),
    ),
    ("POST", "batteries/give-up-scanned/"): Door(
        "yard_owner", OPERATOR, pack_in_use,
        lambda w, r: {
            "facility": w.yard.pk, "occurred_at": when(days=1),
            "identifier": {"scheme": "oem_serial", "value": r.identifiers.get().value, "issuer": "test"},
        },
    ),
    **resource(
        "pickups", Door("yard_owner", record=requested_pickup),
        create=Door("yard_owner", OPERATOR, body=pickup_body, status=201),
        schedule=Door("collector", OPERATOR, requested_pickup, schedule_body),
        reschedule=Door("collector", OPERATOR, scheduled_pickup, schedule_body),
        collect=Door(
            "carrier", OPERATOR, scheduled_pickup,
            lambda w, r: {
                "collected_at": when(days=1),
                "batteries": [{"identifier": {"scheme": "internal", "value": "door"}, "model": "nmc-60"}],
            },
        ),
        fail=Door("carrier", OPERATOR, scheduled_pickup, lambda w, r: {"reason": "x"}),
        cancel=Door("yard_owner", OPERATOR, requested_pickup, lambda w, r: {"reason": "x"}),
    ),
    **resource(
        "consents", Door("refiner", record=consent),
        create=Door(
            "recycler", MANAGER, status=201,
            body=lambda w, r: {
                "exporter": w.recycler.pk, "importer": w.refiner.pk, "from_country": "US", "to_country": "CA",
                "number": "A", "authority": "EPA", "valid_from": "2025-01-01", "valid_until": "2026-01-01",
            },
        ),
    ),
    **resource(
        "shipments", Door("recycler", record=draft),
        create=Door("yard_owner", OPERATOR, body=shipment_body, status=201),
        change=Door("yard_owner", OPERATOR, draft, lambda w, r: {"vehicle": "T"}),
        pack=Door("yard_owner", OPERATOR, draft, lambda w, r: {"packages": [{"label": "1"}]}),
        unpack=Door("yard_owner", OPERATOR, draft, lambda w, r: {"lines": [line_of(r)]}),
        make_ready=Door("yard_owner", OPERATOR, draft),
        reopen=Door("yard_owner", OPERATOR, ready),
        cancel=Door("yard_owner", OPERATOR, ready, lambda w, r: {"reason": "x"}),
        dispatch=Door("carrier", OPERATOR, ready, lambda w, r: {"dispatched_at": when(days=1)}),
        arrive=Door("recycler", OPERATOR, on_the_road, lambda w, r: {"arrived_at": when(days=1)}),
        receive=Door("recycler", OPERATOR, at_the_gate, lambda w, r: {"received_at": when(days=1)}),
        correct=Door(
            "yard_owner", OPERATOR, on_the_road,
            lambda w, r: {"line": line_of(r), "declared_value": "401", "reason": "x", "corrected_at": when(days=1)},
        ),
        document=Door("carrier", OPERATOR, ready, lambda w, r: {"kind": "manifest", "number": "1"}),
        close=Door("recycler", MANAGER, received),
    ),
    **resource(
        "lots", replace(LOT, role=VIEWER),
        create=Door(
            "recycler", OPERATOR, status=201,
            body=lambda w, r: {
                "facility": w.plant_site.pk, "number": "E1", "material": "black_mass", "mass_value": "5",
                "origin": "x", "brought_at": when(days=1),
            },
        ),
        get_life=replace(LOT, role=VIEWER),
        split=replace(LOT, body=lambda w, r: {"split_at": when(days=1), "parts": [{"mass_value": "4"}]}),
        dispose=replace(LOT, body=lambda w, r: {"disposition": "sold", "note": "to Asia", "disposed_at": when(days=1)}),
        correct=replace(
            LOT, role=MANAGER, body=lambda w, r: {"reason": "x", "mass_value": "9", "corrected_at": when(days=1)}
        ),
        reinstate=Door(
            "recycler", MANAGER, sold_lot, lambda w, r: {"reason": "x", "reinstated_at": when(days=1)}
        ),
    ),
    **resource(
        "plants", public(lambda w: w.plant),
        create=Door("collector", MANAGER, body=lambda w, r: {"facility": w.hub.pk}, status=201),
        configure=Door(
            "recycler", MANAGER, lambda w: w.plant, lambda w, r: {"discrepancy_days": 9}, is_public=True
        ),
    ),
    **resource(
        "lines", public(lambda w: w.shredder),
        create=Door(
            "recycler", MANAGER, body=lambda w, r: {"plant": w.plant.pk, "name": "L", "stage": "hydro"}, status=201
        ),
        change=Door("recycler", MANAGER, lambda w: w.shredder, lambda w, r: {"name": "M"}, is_public=True),
    ),
    **resource(
        "nameplates", public(nameplate),
        create=Door(
            "recycler", MANAGER, status=201,
            body=lambda w, r: {
                "line": w.shredder.pk, "t_per_year": "9", "valid_from": "1995-01-01", "valid_until": "1996-01-01",
                "source": "x",
            },
        ),
        end=Door("recycler", MANAGER, nameplate, lambda w, r: {"last_day": "2025-01-01"}, is_public=True),
    ),
    **resource(
        "outages", Door("recycler", record=outage),
        create=Door(
            "recycler", OPERATOR, status=201,
            body=lambda w, r: {"line": w.shredder.pk, "first_day": "2025-01-01", "kind": "planned"},
        ),
        end=Door("recycler", OPERATOR, outage, lambda w, r: {"last_day": "2025-01-02"}),
    ),
    **resource(
        "intakes", Door("recycler", record=intake),
        create=Door(
            "recycler", OPERATOR, lambda w: collected_pickup(w, 1), status=201,
            body=lambda w, r: {
                "plant": w.plant.pk, "shipment": r.shipment.pk, "ticket": "T", "weighed_at": when(days=6),
                "gross_value": "900", "tare_value": "500",
            },
        ),
        correct_weighing=Door(
            "recycler", MANAGER, intake,
            lambda w, r: {"gross_value": "901", "tare_value": "500", "unit": "kg", "reason": "x"},
        ),
    ),
    **resource(
        "discrepancies", Door("recycler", record=discrepancy),
        settle=Door("recycler", OPERATOR, discrepancy, lambda w, r: {"settlement": "x"}),
    ),
    **resource(
        "inspections", Door("recycler", record=inspection),
        create=Door(
            "recycler", OPERATOR, lambda w: batteries_at(w, w.plant_site)[0], status=201,
            body=lambda w, r: {
                "plant": w.plant.pk, "inspected_at": when(days=1),
                "inspections": [{"battery": r.pk, "decision": "recycle"}],
            },
        ),
    ),
    ("POST", "inspections/release/"): Door(
        "recycler", OPERATOR, to_be_reused,
        lambda w, r: {"plant": w.plant.pk, "batteries": [r.pk], "released_at": when(days=1), "recipient": "x"},
    ),
    **resource(
        "batches", replace(BATCH, role=VIEWER),
        create=Door(
            "recycler", OPERATOR, status=201,
            body=lambda w, r: {"line": w.shredder.pk, "number": "B9", "started_at": when(days=1)},
        ),
        charge=replace(
            BATCH, body=lambda w, r: {"charged_at": when(days=1), "batteries": [chains.packs(w)[0].pk]}
        ),
        uncharge=Door(
            "recycler", OPERATOR, chains.charged,
            lambda w, r: {"uncharged_at": when(days=1), "reason": "x", "batteries": [r.charges.get().battery_id]},
        ),
        add_reagent=replace(BATCH, body=lambda w, r: {"name": "water", "mass_value": "1"}),
        remove_reagent=Door(
            "recycler", OPERATOR, with_reagent, lambda w, r: {"reagent": r.reagents.get().pk}
        ),
        record_output=Door(
            "recycler", OPERATOR, chains.charged,
            lambda w, r: {"number": "O", "material": "slag", "mass_value": "1", "made_at": when(days=1)},
        ),
        remove_output=Door(
            "recycler", OPERATOR, with_output,
            lambda w, r: {"lot": r.outputs.get().lot_id, "reason": "x", "removed_at": when(days=1)},
        ),
        get_balance=Door("recycler", record=chains.charged),
        close=Door("recycler", OPERATOR, with_output, lambda w, r: {"closed_at": when(days=1)}),
        reopen=Door("recycler", MANAGER, closed_batch, lambda w, r: {"reason": "x"}),
        void=Door("recycler", MANAGER, chains.opened, lambda w, r: {"reason": "x"}),
    ),
    **resource("charges", Door("recycler", record=charge)),
    **resource("factors", Door("recycler", record=factor)),
    ("GET", "battery-traces/{pk}/"): Door("recycler", record=charged_pack),
    ("GET", "lot-traces/{pk}/"): Door("recycler", record=output_lot),
    ("GET", "utilization/"): Door("recycler", is_table=True),
    ("GET", "backlog/"): Door("recycler", is_table=True),
    **resource(
        "utilization-runs", public(utilization_run),
        create=Door(
            "recycler", OPERATOR, status=201, stranger="producer",
            body=lambda w, r: {"from_day": "2025-01-01", "to_day": "2025-01-02"},
        ),
    ),
    **resource("epr-schemes", public(scheme)),
    ("GET", "epr-overview/"): Door(
        "producer", is_table=True, body=lambda w, r: {"start": "2025-01-01", "end": "2025-12-31"}
    ),
    **resource(
        "epr-reports", REPORT,
        create=Door("producer", OPERATOR, scheme, report_body, status=201),
        recompute=replace(REPORT, role=OPERATOR),
        submit=replace(REPORT, role=MANAGER),
        withdraw=replace(REPORT, role=OPERATOR),
        accept=Door("regulator", MANAGER, filing.filed),
        correct=Door("producer", OPERATOR, filing.filed, status=201),
        get_verify=REPORT,
        get_lines=REPORT,
        get_difference=Door("producer", record=correction),
    ),
    ("POST", "epr-reports/{pk}/return/"): Door("regulator", MANAGER, filing.filed, lambda w, r: {"note": "x"}),
    ("GET", "epr-reports/{pk}/evidence/"): replace(REPORT, body=lambda w, r: {"line": 1}),
    ("GET", "epr-reports/{pk}/placements/"): replace(REPORT, body=lambda w, r: {"line": 1}),
    ("GET", "epr-reports/{pk}/download/csv/"): REPORT,
    ("GET", "epr-reports/{pk}/download/json/"): REPORT,
    ("GET", "epr-reports/{pk}/download/canonical/"): REPORT,
    **resource(
        "market-placements", Door("producer", record=placement),
        create=Door("producer", OPERATOR, body=placement_body, status=201),
        correct=Door("producer", OPERATOR, placement, lambda w, r: {"units": 7}),
    ),
}  # fmt: skip

#: Addresses that anybody may call, with what an anonymous GET is answered.
OPEN = {
    "": 302,  # to the admin
    "healthz": 200,
    "readyz": 503,  # the tests run no worker
    "i18n/setlang/": 302,  # changes the language of the pages, and nothing for a GET
    "api/docs/": 200,
    "api/schema/": 200,
    "api/v1/auth/login/": 405,
}
