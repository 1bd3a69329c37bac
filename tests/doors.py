"""Every door of the API and who may go through it. `tests/test_doors.py` walks them all, and fails for one that is not
named here.

A door names the organization of the test world whose people it is for, the least role that opens it, and how to make
the record behind it. Strangers get 404 for a record that they may not know of, and find it in no list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Role
from tests import records
from tests.records import when
from tests.recycling import chains, filing
from tests.world import (
    World,
    batteries_at,
    collected_pickup,
    requested_pickup,
    scheduled_pickup,
)

type Make = Callable[[World], Any]
type Body = Callable[[World, Any], dict[str, Any]]

MANAGER, OPERATOR, VIEWER = Role.MANAGER, Role.OPERATOR, Role.VIEWER


@dataclass(frozen=True)
class Door:
    """One door; see above. `status` is what those get whom it is for."""

    of: str
    role: Role | None = VIEWER
    """From which role on; `None`: the platform's operators."""
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


POINT = Door("recycler", record=records.plant_point, stranger="producer")  # whoever drives there knows of it
PACK = Door("yard_owner", record=records.pack)
BATCH = Door("recycler", OPERATOR, record=chains.opened)
LOT = Door("recycler", OPERATOR, record=records.lot)
REPORT = Door("producer", record=filing.drafted)

#: Doors of the REST API, below /api/v1/.
API: dict[tuple[str, str], Door] = {
    ("POST", "auth/logout/"): Door("recycler", is_own=True, status=204),
    ("POST", "auth/logout-all/"): Door("recycler", is_own=True, status=204),
    ("GET", "auth/tokens/"): Door("recycler", is_own=True),
    ("POST", "auth/tokens/"): Door("recycler", is_own=True, status=201),
    ("DELETE", "auth/tokens/{token_key}/"): Door(
        "recycler", record=records.token, is_own=True, status=204, key=lambda made: made.token_key
    ),
    ("POST", "auth/password/"): Door(
        "recycler", is_own=True, body=lambda w, r: {"old_password": "x", "password": "y"}, status=400
    ),
    ("GET", "me/"): Door("recycler", is_own=True),
    **resource(
        "organizations", public(lambda w: w.recycler),
        require_second_factor=Door("recycler", MANAGER, lambda w: w.recycler, is_public=True),
        waive_second_factor=Door("recycler", MANAGER, records.strict_organization, is_public=True),
    ),
    **resource(
        "memberships", Door("recycler", record=records.member),
        change_role=Door("recycler", MANAGER, records.member, lambda w, r: {"role": "operator"}),
    ),
    ("DELETE", "memberships/{pk}/"): Door("recycler", MANAGER, records.member, status=204),
    **resource(
        "invitations", Door("recycler", record=records.invitation),
        create=Door(
            "recycler", MANAGER, status=201,
            body=lambda w, r: {"organization": w.recycler.pk, "email": "new@person.example"},
        ),
        resend=Door("recycler", MANAGER, records.invitation),
        withdraw=Door("recycler", MANAGER, records.invitation),
    ),
    ("POST", "invitations/accept/"): Door(
        "carrier", OPERATOR, records.invitation, is_own=True, body=lambda w, r: {"link": r.link}
    ),
    **resource("jurisdictions", public(lambda w: w.nv)),
    **resource("chemistries", public(lambda w: w.nmc)),
    **resource("battery-models", public(lambda w: w.nmc_pack)),
    **resource("materials", public(records.material)),
    **resource("vehicle-patterns", public(records.vehicle_pattern)),
    **resource(
        "assignment-runs", public(records.assignment_run),
        create=Door("recycler", None, status=201),
        cancel=Door("recycler", None, records.assignment_run, is_public=True),
    ),
    **resource(
        "facilities", public(lambda w: w.plant_site),
        create=Door(
            "recycler", MANAGER, status=201,
            body=lambda w, r: {"operator": w.recycler.pk, "name": "Annex", "jurisdiction": "US-NV"},
        ),
        change=Door("recycler", MANAGER, lambda w: w.plant_site, lambda w, r: {"locality": "Fernley"}, is_public=True),
        vouch=Door(
            "regulator", MANAGER, records.unclaimed_site, lambda w, r: {"email": "ann@yard.example"}, is_public=True
        ),
    ),
    **resource(
        "permits", Door("recycler", record=records.permit),
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
        activate=replace(POINT, role=MANAGER, record=records.closed_point),
    ),
    **resource(
        "imports", Door("yard_owner", record=records.import_run),
        create=Door(
            "yard_owner", OPERATOR, status=201, is_multipart=True,
            body=lambda w, r: {
                "organization": w.yard_owner.pk, "kind": "collection_points",
                "file": SimpleUploadedFile("x.csv", b"name,kind,jurisdiction\n"),
            },
        ),
        cancel=Door("yard_owner", OPERATOR, records.import_run),
        get_errors=Door("yard_owner", record=records.import_run),
        get_errors_csv=Door("yard_owner", record=records.import_run),
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
            "yard_owner", OPERATOR, records.pack_in_use, lambda w, r: {"facility": w.yard.pk, "occurred_at": when(days=1)}
        ),
        identify=Door("yard_owner", OPERATOR, records.pack, lambda w, r: {"scheme": "internal", "value": "door"}),
        accept_claim=Door("producer", MANAGER, records.claimed_pack),
        contest_claim=Door("producer", MANAGER, records.claimed_pack, lambda w, r: {"statement": "x"}),
        correct=Door("yard_owner", OPERATOR, records.pack, lambda w, r: {"reason": "x", "mass_value": "401"}),
        report_lost=Door(
            "yard_owner", OPERATOR, records.pack, lambda w, r: {"reason": "x", "occurred_at": when(days=1)}
        ),
        report_found=Door(
            "yard_owner", OPERATOR, records.lost_pack, lambda w, r: {"facility": w.yard.pk, "occurred_at": when(days=1)}
        ),
    ),
    ("POST", "batteries/accept-claims/"): Door(
        "producer", MANAGER, records.claimed_pack,
        lambda w, r: {"organization": w.producer.pk, "batteries": [r.pk]},
    ),
    **resource(
        "claim-contests", Door("yard_owner", record=records.claim_contest),
        create=Door(
            "producer", MANAGER, records.claimed_pack,
            lambda w, r: {"organization": w.producer.pk, "batteries": [r.pk], "statement": "x"}, status=201,
        ),
        answer=Door("yard_owner", OPERATOR, records.claim_contest, lambda w, r: {"statement": "x"}),
        concede=Door("yard_owner", OPERATOR, records.claim_contest, lambda w, r: {"reason": "x"}),
        withdraw=Door("producer", MANAGER, records.claim_contest),
        uphold=Door("regulator", MANAGER, records.answered_contest, lambda w, r: {"reason": "x"}),
        dismiss=Door("regulator", MANAGER, records.answered_contest, lambda w, r: {"reason": "x"}),
    ),
    **resource(
        "serial-patterns", Door("producer", record=records.serial_pattern),
        create=Door(
            "producer", MANAGER, status=201,
            body=lambda w, r: {"producer": w.producer.pk, "scheme": "oem_serial", "pattern": "XYZ*"},
        ),
        end=Door("producer", MANAGER, records.serial_pattern, lambda w, r: {"reason": "x"}),
    ),
    **resource(
        "proposals", Door("yard_owner", record=records.proposal),
        create=Door(
            "carrier", OPERATOR, records.proposal,
            lambda w, r: {"organization": w.carrier.pk, "battery": r.battery_id, "reason": "x", "mass_value": "402"},
            status=201,
        ),
        accept=Door("recycler", OPERATOR, records.proposal),
        refuse=Door("recycler", OPERATOR, records.proposal, lambda w, r: {"answer": "x"}),
        withdraw=Door("yard_owner", OPERATOR, records.proposal),
    ),
    ("POST", "batteries/give-up-scanned/"): Door(
        "yard_owner", OPERATOR, records.pack_in_use,
        lambda w, r: {
            "facility": w.yard.pk, "occurred_at": when(days=1),
            "identifier": {"scheme": "oem_serial", "value": r.identifiers.get().value, "issuer": "test"},
        },
    ),
    **resource(
        "pickups", Door("yard_owner", record=requested_pickup),
        create=Door("yard_owner", OPERATOR, body=records.pickup_body, status=201),
        schedule=Door("collector", OPERATOR, requested_pickup, records.schedule_body),
        reschedule=Door("collector", OPERATOR, scheduled_pickup, records.schedule_body),
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
    ("POST", "pickups/{pk}/confirm/"): Door("yard_owner", OPERATOR, scheduled_pickup),
    ("POST", "pickups/{pk}/accept/"): Door("carrier", OPERATOR, scheduled_pickup),
    ("POST", "pickups/{pk}/find/"): Door(
        "carrier", OPERATOR, scheduled_pickup,
        lambda w, r: {"batteries": [{"identifier": {"scheme": "internal", "value": "door"}}]},
    ),
    ("POST", "pickups/{pk}/confirm-findings/"): Door("yard_owner", OPERATOR, records.found, records.findings_body),
    ("POST", "pickups/{pk}/refuse-findings/"): Door(
        "yard_owner", OPERATOR, records.found, lambda w, r: {**records.findings_body(w, r), "reason": "x"}
    ),
    ("POST", "pickups/{pk}/show-code/"): Door("yard_owner", OPERATOR, scheduled_pickup),
    ("POST", "pickups/{pk}/enter-code/"): Door(
        "carrier", OPERATOR, records.with_code, lambda w, r: {"code": r.plain_code}
    ),
    ("POST", "pickups/{pk}/sign/"): Door("carrier", OPERATOR, records.unclaimed_pickup, lambda w, r: records.SIGNED),
    ("GET", "pickups/{pk}/findings/"): Door("yard_owner", record=records.found),
    **resource(
        "relations", Door("yard_owner", record=records.offered_relation),
        create=Door(
            "yard_owner", MANAGER, status=201,
            body=lambda w, r: {"kind": "collect", "giver": w.yard_owner.pk, "taker": w.collector.pk},
        ),
        accept=Door("collector", MANAGER, records.offered_relation),
        refuse=Door("collector", MANAGER, records.offered_relation, lambda w, r: {"reason": "x"}),
        withdraw=Door("yard_owner", MANAGER, records.offered_relation),
        end=Door("yard_owner", MANAGER, records.standing_relation, lambda w, r: {"reason": "x"}),
    ),
    **resource("handovers", Door("yard_owner", record=records.handover)),
    **resource("receipts", Door("collector", record=records.receipt)),
    **resource(
        "contests", Door("regulator", record=records.contest),
        uphold=Door("regulator", MANAGER, records.contest, lambda w, r: {"reason": "x"}),
        dismiss=Door("regulator", MANAGER, records.contest, lambda w, r: {"reason": "x"}),
    ),
    **resource(
        "consents", Door("refiner", record=records.consent),
        create=Door(
            "recycler", MANAGER, status=201,
            body=lambda w, r: {
                "exporter": w.recycler.pk, "importer": w.refiner.pk, "from_country": "US", "to_country": "CA",
                "number": "A", "authority": "EPA", "valid_from": "2025-01-01", "valid_until": "2026-01-01",
            },
        ),
    ),
    **resource(
        "shipments", Door("recycler", record=records.draft),
        create=Door("yard_owner", OPERATOR, body=records.shipment_body, status=201),
        change=Door("yard_owner", OPERATOR, records.draft, lambda w, r: {"vehicle": "T"}),
        pack=Door("yard_owner", OPERATOR, records.draft, lambda w, r: {"packages": [{"label": "1"}]}),
        unpack=Door("yard_owner", OPERATOR, records.draft, lambda w, r: {"lines": [records.line_of(r)]}),
        make_ready=Door("yard_owner", OPERATOR, records.draft),
        reopen=Door("yard_owner", OPERATOR, records.ready),
        cancel=Door("yard_owner", OPERATOR, records.ready, lambda w, r: {"reason": "x"}),
        accept=Door("carrier", OPERATOR, records.draft),
        dispatch=Door("carrier", OPERATOR, records.ready, lambda w, r: {"dispatched_at": when(days=1)}),
        arrive=Door("recycler", OPERATOR, records.on_the_road, lambda w, r: {"arrived_at": when(days=1)}),
        receive=Door("recycler", OPERATOR, records.at_the_gate, lambda w, r: {"received_at": when(days=1)}),
        correct=Door(
            "yard_owner", OPERATOR, records.on_the_road,
            lambda w, r: {"line": records.line_of(r), "declared_value": "401", "reason": "x", "corrected_at": when(days=1)},
        ),
        document=Door("carrier", OPERATOR, records.ready, lambda w, r: {"kind": "manifest", "number": "1"}),
        close=Door("recycler", MANAGER, records.received),
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
            "recycler", MANAGER, records.sold_lot, lambda w, r: {"reason": "x", "reinstated_at": when(days=1)}
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
        "nameplates", public(records.nameplate),
        create=Door(
            "recycler", MANAGER, status=201,
            body=lambda w, r: {
                "line": w.shredder.pk, "t_per_year": "9", "valid_from": "1995-01-01", "valid_until": "1996-01-01",
                "source": "x",
            },
        ),
        end=Door("recycler", MANAGER, records.nameplate, lambda w, r: {"last_day": "2025-01-01"}, is_public=True),
    ),
    **resource(
        "outages", Door("recycler", record=records.outage),
        create=Door(
            "recycler", OPERATOR, status=201,
            body=lambda w, r: {"line": w.shredder.pk, "first_day": "2025-01-01", "kind": "planned"},
        ),
        end=Door("recycler", OPERATOR, records.outage, lambda w, r: {"last_day": "2025-01-02"}),
    ),
    **resource(
        "plant-statuses", public(records.plant_status),
        create=Door(
            "recycler", MANAGER, status=201,
            body=lambda w, r: {"plant": w.plant.pk, "status": "paused", "valid_from": "2025-01-01", "source": "x"},
        ),
        end=Door("recycler", MANAGER, records.plant_status, lambda w, r: {"last_day": "2025-01-01"}, is_public=True),
    ),
    **resource(
        "intakes", Door("recycler", record=records.intake),
        create=Door(
            "recycler", OPERATOR, lambda w: collected_pickup(w, 1), status=201,
            body=lambda w, r: {
                "plant": w.plant.pk, "shipment": r.shipment.pk, "ticket": "T", "weighed_at": when(days=6),
                "gross_value": "900", "tare_value": "500",
            },
        ),
        correct_weighing=Door(
            "recycler", MANAGER, records.intake,
            lambda w, r: {"gross_value": "901", "tare_value": "500", "unit": "kg", "reason": "x"},
        ),
    ),
    **resource(
        "discrepancies", Door("recycler", record=records.discrepancy),
        settle=Door("recycler", OPERATOR, records.discrepancy, lambda w, r: {"settlement": "x"}),
    ),
    **resource(
        "inspections", Door("recycler", record=records.inspection),
        create=Door(
            "recycler", OPERATOR, lambda w: batteries_at(w, w.plant_site)[0], status=201,
            body=lambda w, r: {
                "plant": w.plant.pk, "inspected_at": when(days=1),
                "inspections": [{"battery": r.pk, "decision": "recycle"}],
            },
        ),
    ),
    ("POST", "inspections/release/"): Door(
        "recycler", OPERATOR, records.to_be_reused,
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
            "recycler", OPERATOR, records.with_reagent, lambda w, r: {"reagent": r.reagents.get().pk}
        ),
        record_output=Door(
            "recycler", OPERATOR, chains.charged,
            lambda w, r: {"number": "O", "material": "slag", "mass_value": "1", "made_at": when(days=1)},
        ),
        remove_output=Door(
            "recycler", OPERATOR, records.with_output,
            lambda w, r: {"lot": r.outputs.get().lot_id, "reason": "x", "removed_at": when(days=1)},
        ),
        get_balance=Door("recycler", record=chains.charged),
        close=Door("recycler", OPERATOR, records.with_output, lambda w, r: {"closed_at": when(days=1)}),
        reopen=Door("recycler", MANAGER, records.closed_batch, lambda w, r: {"reason": "x"}),
        void=Door("recycler", MANAGER, chains.opened, lambda w, r: {"reason": "x"}),
        determine=Door("recycler", OPERATOR, chains.charged, records.analysis_body),
    ),
    **resource("charges", Door("recycler", record=records.charge)),
    **resource("factors", Door("recycler", record=records.factor)),
    **resource("outcomes", Door("recycler", record=records.outcome)),
    ("GET", "battery-traces/{pk}/"): Door("recycler", record=records.charged_pack),
    ("GET", "lot-traces/{pk}/"): Door("recycler", record=records.output_lot),
    ("GET", "utilization/"): Door("recycler", is_table=True),
    ("GET", "utilization/csv/"): Door("recycler", is_table=True),
    ("GET", "backlog/"): Door("recycler", is_table=True),
    ("GET", "capacity/"): Door("recycler", is_table=True),
    ("GET", "capacity/csv/"): Door("recycler", is_table=True),
    ("GET", "free-capacity/"): Door(
        "collector", is_table=True,
        body=lambda w, r: {"latitude": "39.5", "longitude": "-119.5", "chemistry": w.nmc.pk},
    ),
    **resource("capacity-statements", public(records.statement)),
    **resource("vehicle-sales", public(records.vehicle_sales)),
    **resource(
        "return-forecasts", public(records.forecast),
        create=Door(
            "recycler", OPERATOR, status=201, stranger="producer",
            body=lambda w, r: {"first_year": 2025, "last_year": 2030},
        ),
        cancel=Door("recycler", OPERATOR, records.forecast, is_public=True),
        get_lines=public(records.forecast), get_gaps=public(records.forecast), get_gaps_csv=public(records.forecast),
    ),
    **resource(
        "utilization-runs", public(records.utilization_run),
        create=Door(
            "recycler", OPERATOR, status=201, stranger="producer",
            body=lambda w, r: {"from_day": "2025-01-01", "to_day": "2025-01-02"},
        ),
        cancel=Door("recycler", OPERATOR, records.utilization_run, is_public=True),
    ),
    **resource("epr-schemes", public(records.scheme)),
    ("GET", "epr-overview/"): Door(
        "producer", is_table=True, body=lambda w, r: {"start": "2025-01-01", "end": "2025-12-31"}
    ),
    ("GET", "epr-overview/orphans/"): Door(
        "producer", is_table=True, body=lambda w, r: {"start": "2025-01-01", "end": "2025-12-31"}
    ),
    **resource(
        "epr-reports", REPORT,
        create=Door("producer", OPERATOR, records.scheme, records.report_body, status=201),
        recompute=replace(REPORT, role=OPERATOR),
        submit=replace(REPORT, role=MANAGER),
        cancel=Door("producer", OPERATOR, records.asked_report),
        withdraw=replace(REPORT, role=OPERATOR),
        accept=Door("regulator", MANAGER, filing.filed),
        correct=Door("producer", OPERATOR, filing.filed, status=201),
        get_verify=REPORT,
        get_lines=REPORT,
        get_difference=Door("producer", record=records.correction),
    ),
    **resource(
        "elements-taken", Door("recycler", record=records.elements_choice),
        create=Door("recycler", MANAGER, body=records.choice_body, status=201),
    ),
    ("POST", "epr-reports/document/"): Door(
        "recycler", OPERATOR, records.recycler_scheme, records.document_body, status=201
    ),
    ("POST", "epr-reports/{pk}/return/"): Door("regulator", MANAGER, filing.filed, lambda w, r: {"note": "x"}),
    ("GET", "epr-reports/{pk}/evidence/"): replace(REPORT, body=lambda w, r: {"line": 1}),
    ("GET", "epr-reports/{pk}/placements/"): replace(REPORT, body=lambda w, r: {"line": 1}),
    ("GET", "epr-reports/{pk}/download/csv/"): REPORT,
    ("GET", "epr-reports/{pk}/download/json/"): REPORT,
    ("GET", "epr-reports/{pk}/download/canonical/"): REPORT,
    **resource(
        "market-placements", Door("producer", record=records.placement),
        create=Door("producer", OPERATOR, body=records.placement_body, status=201),
        correct=Door("producer", OPERATOR, records.placement, lambda w, r: {"units": 7}),
        withdraw=Door("producer", OPERATOR, records.placement, lambda w, r: {"reason": "x"}),
    ),
    **resource("market-statistics", public(records.statistic)),
    ("GET", "market-statistics/comparison/"): Door("producer", is_table=True, body=lambda w, r: {"year": 2025}),
}  # fmt: skip

#: Addresses that anybody may call, with what an anonymous GET is answered.
OPEN = {
    "": 302,  # to the admin
    "healthz": 200,
    "readyz": 503,  # the tests run no worker
    "i18n/setlang/": 302,  # changes the language of the pages, and nothing for a GET
    "admin/login/": 200,
    "admin/password_change/": 302,
    "account/logout/": 302,
    "account/confirm/": 302,
    "account/second-factor/": 302,
    "account/second-factor/authenticate/": 302,
    "account/second-factor/reauthenticate/": 302,
    "account/second-factor/totp/activate/": 302,
    "account/second-factor/totp/deactivate/": 302,
    "account/second-factor/recovery-codes/": 302,
    "account/second-factor/recovery-codes/generate/": 302,
    "account/second-factor/recovery-codes/download/": 302,
    "account/second-factor/webauthn/": 302,
    "account/second-factor/webauthn/add/": 302,
    "account/second-factor/webauthn/reauthenticate/": 302,
    "account/second-factor/webauthn/login/": 302,
    "account/second-factor/webauthn/keys/<int:pk>/remove/": 404,
    "account/second-factor/webauthn/keys/<int:pk>/edit/": 404,
    "account/invitations/<str:link>/": 410,  # no such link
    "account/password/": 200,
    "account/password/<str:key>/<str:token>/": 410,
    "receipts/<str:link>/": 410,
    "api/docs/": 200,
    r"^api/(?:[\s\S]*/)?$": 404,
    "api/schema/": 200,
    "api/v1/auth/login/": 405,
    "api/v1/auth/password/forgotten/": 405,
    "api/v1/auth/password/reset/": 405,
}

#: What anybody may post to the API.
OPEN_POSTS = ("auth/login/", "auth/password/forgotten/", "auth/password/reset/")
