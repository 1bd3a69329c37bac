"""The doors of the admin, as `tests/doors.py` has the API's: pages by model, verbs, and who makes new records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from knox.models import AuthToken

from accounts.models import Role, User
from collection.models import Composition, CustodyEvent, Mandate
from recycling.models import BacklogSnapshot, EprTarget, UtilizationSnapshot
from recycling.services import plants, utilization
from tests import records as d
from tests.doors import MANAGER, OPERATOR, VIEWER, Make
from tests.recycling import chains, filing
from tests.world import World, requested_pickup, scheduled_pickup


@dataclass(frozen=True)
class Page:
    """A page that asks for a command: for whom, from which role on (`None`: the platform's operators), on what."""

    of: str
    role: Role | None = OPERATOR
    record: Make = lambda w: None


@dataclass(frozen=True)
class AdminDoor:
    """The pages of a model: a record, an organization whose viewers see it, and one whose managers do not."""

    of: str
    record: Make
    is_public: bool = False
    stranger: str = "stranger"
    create: Page | None = None
    verbs: Mapping[str, Page] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    """Pages of its own below the record."""
    beside: tuple[str, ...] = ()
    """Pages of its own beside the list, for everybody."""
    platform_parts: tuple[str, ...] = ()
    """Those that are the platform's alone."""


def public(record: Make, **more: Any) -> AdminDoor:
    return AdminDoor("recycler", record, is_public=True, **more)


def colleague(w: World) -> User:
    return w.user(w.recycler, OPERATOR)


def locked_out(w: World) -> User:
    User.objects.filter(pk=colleague(w).pk).update(is_active=False)
    return colleague(w)


def own_token(w: World) -> AuthToken:
    made, _text = AuthToken.objects.create(w.user(w.recycler, VIEWER))
    return made


def entry(w: World) -> CustodyEvent:
    d.pack(w)
    return CustodyEvent.objects.get()


def composition(w: World) -> Composition:
    return Composition.objects.get(chemistry=w.nmc)


def target(w: World) -> EprTarget:
    return EprTarget.objects.create(
        scheme=d.scheme(w), metric="recycling_efficiency", family="lithium", percent=65, source="test",
        applies_from=date(2025, 12, 31), legal_status="reference", confidence="S",
    )  # fmt: skip


def evidence(w: World) -> Any:
    filing.shared_batch(w)
    return filing.drafted(w).evidence.first()


def counted(w: World) -> Any:
    filing.declared(w, "q1", jurisdiction=w.nv)
    return filing.drafted(w).placements.get()


def load(w: World) -> UtilizationSnapshot:
    run = utilization.request(actor=w.actor(w.recycler), from_day=date(2025, 1, 1), to_day=date(2025, 1, 1))
    utilization.run(run.pk)
    found = UtilizationSnapshot.objects.filter(line=w.shredder).first()
    assert found is not None
    return found


def backlog(w: World) -> BacklogSnapshot:
    load(w)
    found = BacklogSnapshot.objects.filter(plant=w.plant).first()
    assert found is not None
    return found


def standing_line(w: World) -> Any:
    return plants.deactivate_line(actor=w.actor(w.recycler, MANAGER), line=w.shredder)


ADMIN: dict[str, AdminDoor] = {
    "accounts.Organization": public(
        lambda w: w.recycler,
        verbs={
            "require-second-factor": Page("recycler", MANAGER, lambda w: w.recycler),
            "waive-second-factor": Page("recycler", MANAGER, d.strict_organization),
        },
    ),
    "accounts.User": AdminDoor(
        "recycler", colleague, create=Page("recycler", None),
        verbs={
            "change-password": Page("recycler", OPERATOR, colleague),
            "remove-second-factor": Page("recycler", None, colleague),
            "deactivate": Page("recycler", None, colleague),
            "activate": Page("recycler", None, locked_out),
        },
    ),
    "accounts.Membership": AdminDoor(
        "recycler", d.member,
        verbs={"change-role": Page("recycler", MANAGER, d.member), "remove": Page("recycler", MANAGER, d.member)},
    ),
    "accounts.Invitation": AdminDoor(
        "recycler", d.invitation, create=Page("recycler", MANAGER),
        verbs={
            "resend": Page("recycler", MANAGER, d.invitation), "withdraw": Page("recycler", MANAGER, d.invitation)
        },
    ),
    "knox.AuthToken": AdminDoor(
        "recycler", own_token, create=Page("recycler", VIEWER), verbs={"revoke": Page("recycler", VIEWER, own_token)}
    ),
    "collection.Jurisdiction": public(lambda w: w.nv),
    "collection.Mandate": public(lambda w: Mandate.objects.get(organization=w.regulator)),
    "collection.Material": public(d.material),
    "collection.Chemistry": public(lambda w: w.nmc),
    "collection.Composition": public(composition),
    "collection.VehiclePattern": public(d.vehicle_pattern, platform_parts=("preview/",)),
    "collection.VehicleKind": public(d.vehicle_kind),
    "collection.AssignmentRun": public(
        d.assignment_run, create=Page("recycler", None),
        verbs={"cancel": Page("recycler", None, d.assignment_run)},
    ),
    "collection.BatteryModel": public(lambda w: w.nmc_pack),
    "collection.CustodyEvent": AdminDoor("yard_owner", entry),
    "collection.Battery": AdminDoor(
        "yard_owner", d.pack, create=Page("yard_owner"),
        verbs={
            "give-up": Page("yard_owner", record=d.pack_in_use),
            "identify": Page("yard_owner", record=d.pack),
            "accept-claim": Page("producer", MANAGER, d.claimed_pack),
            "contest-claim": Page("producer", MANAGER, d.claimed_pack),
            "correct": Page("yard_owner", record=d.pack),
            "report-lost": Page("yard_owner", record=d.pack),
            "report-found": Page("yard_owner", record=d.lost_pack),
        },
    ),
    "collection.ClaimContest": AdminDoor(
        "yard_owner", d.claim_contest,
        verbs={
            "answer": Page("yard_owner", record=d.claim_contest), "concede": Page("yard_owner", record=d.claim_contest),
            "withdraw": Page("producer", MANAGER, d.claim_contest),
            "uphold": Page("regulator", MANAGER, d.answered_contest),
            "dismiss": Page("regulator", MANAGER, d.answered_contest),
        },
    ),
    "collection.SerialPattern": AdminDoor(
        "producer", d.serial_pattern, create=Page("producer", MANAGER),
        verbs={"end": Page("producer", MANAGER, d.serial_pattern)},
    ),
    "collection.Proposal": AdminDoor(
        "yard_owner", d.proposal, create=Page("yard_owner"),
        verbs={
            "accept": Page("recycler", record=d.proposal), "refuse": Page("recycler", record=d.proposal),
            "withdraw": Page("yard_owner", record=d.proposal),
        },
    ),
    "collection.Facility": public(
        lambda w: w.plant_site, create=Page("recycler", MANAGER),
        verbs={
            "change": Page("recycler", MANAGER, lambda w: w.plant_site),
            "add-permit": Page("recycler", MANAGER, lambda w: w.plant_site),
            "register-collection-point": Page("recycler", MANAGER, lambda w: w.plant_site),
            "vouch": Page("regulator", MANAGER, d.unclaimed_site),
        },
    ),
    "collection.Permit": AdminDoor("recycler", d.permit),
    "collection.CollectionPoint": AdminDoor(
        "recycler", d.plant_point, stranger="producer",
        verbs={
            "change-collection-point": Page("recycler", record=d.plant_point),
            "deactivate": Page("recycler", MANAGER, d.plant_point),
            "activate": Page("recycler", MANAGER, d.closed_point),
        },
    ),
    "collection.ImportRun": AdminDoor(
        "yard_owner", d.import_run, create=Page("yard_owner"), parts=("errors.csv",),
        verbs={"cancel": Page("yard_owner", record=d.import_run)},
    ),
    "collection.Lot": AdminDoor(
        "recycler", d.lot, create=Page("recycler"),
        verbs={
            "split": Page("recycler", record=d.lot),
            "dispose": Page("recycler", record=d.lot),
            "correct": Page("recycler", MANAGER, d.lot),
            "reinstate": Page("recycler", MANAGER, d.sold_lot),
        },
    ),
    "collection.Pickup": AdminDoor(
        "yard_owner", requested_pickup, create=Page("yard_owner"),
        verbs={
            "schedule": Page("collector", record=requested_pickup),
            "reschedule": Page("collector", record=scheduled_pickup),
            "collect": Page("carrier", record=scheduled_pickup),
            "fail": Page("carrier", record=scheduled_pickup),
            "cancel": Page("yard_owner", record=requested_pickup),
            "confirm": Page("yard_owner", record=requested_pickup),
            "accept": Page("carrier", record=scheduled_pickup),
            "find": Page("carrier", record=scheduled_pickup),
            "confirm-findings": Page("yard_owner", record=d.found),
            "refuse-findings": Page("yard_owner", record=d.found),
            "show-code": Page("yard_owner", record=scheduled_pickup),
            "enter-code": Page("carrier", record=d.with_code),
            "sign": Page("carrier", record=d.unclaimed_pickup),
        },
    ),
    "collection.Relation": AdminDoor(
        "yard_owner", d.offered_relation, create=Page("yard_owner", MANAGER),
        verbs={
            "accept": Page("collector", MANAGER, d.offered_relation),
            "refuse": Page("collector", MANAGER, d.offered_relation),
            "withdraw": Page("yard_owner", MANAGER, d.offered_relation),
            "end": Page("yard_owner", MANAGER, d.standing_relation),
        },
    ),
    "collection.Handover": AdminDoor("yard_owner", d.handover),
    "collection.Receipt": AdminDoor("collector", d.receipt),
    "collection.Contest": AdminDoor(
        "regulator", d.contest,
        verbs={"uphold": Page("regulator", MANAGER, d.contest), "dismiss": Page("regulator", MANAGER, d.contest)},
    ),
    "collection.Shipment": AdminDoor(
        "recycler", d.draft, create=Page("yard_owner"),
        verbs={
            "pack": Page("yard_owner", record=d.draft),
            "unpack": Page("yard_owner", record=d.draft),
            "change": Page("yard_owner", record=d.draft),
            "make-ready": Page("yard_owner", record=d.draft),
            "accept": Page("carrier", record=d.draft),
            "dispatch": Page("carrier", record=d.ready),
            "reopen": Page("yard_owner", record=d.ready),
            "arrive": Page("recycler", record=d.on_the_road),
            "receive": Page("recycler", record=d.at_the_gate),
            "document": Page("carrier", record=d.ready),
            "correct": Page("yard_owner", record=d.on_the_road),
            "close": Page("recycler", MANAGER, d.received),
            "cancel": Page("yard_owner", record=d.ready),
        },
    ),
    "collection.Consent": AdminDoor("refiner", d.consent, create=Page("recycler", MANAGER)),
    "recycling.Plant": public(
        lambda w: w.plant, create=Page("recycler", MANAGER), beside=("capacity/", "free-capacity/"),
        verbs={
            "add-status": Page("recycler", MANAGER, lambda w: w.plant),
            "inspect-many": Page("recycler", record=lambda w: w.plant),
            "release-many": Page("recycler", record=lambda w: w.plant),
            "add-line": Page("recycler", MANAGER, lambda w: w.plant),
            "configure": Page("recycler", MANAGER, lambda w: w.plant),
            "document": Page("recycler", record=lambda w: w.plant),
        },
    ),
    "recycling.ProcessLine": public(
        lambda w: w.shredder,
        verbs={
            "add-outage": Page("recycler", record=lambda w: w.shredder),
            "add-nameplate": Page("recycler", MANAGER, lambda w: w.shredder),
            "change-line": Page("recycler", MANAGER, lambda w: w.shredder),
            "deactivate-line": Page("recycler", MANAGER, lambda w: w.shredder),
            "activate-line": Page("recycler", MANAGER, standing_line),
        },
    ),
    "recycling.Nameplate": public(d.nameplate, verbs={"end-nameplate": Page("recycler", MANAGER, d.nameplate)}),
    "recycling.PlantStatus": public(
        d.plant_status, verbs={"end-status": Page("recycler", MANAGER, d.plant_status)}
    ),
    "recycling.CapacityStatement": public(d.statement),
    "recycling.VehicleSales": public(d.vehicle_sales),
    "recycling.ReturnForecast": public(
        d.forecast, create=Page("recycler"), verbs={"cancel": Page("recycler", record=d.forecast)}
    ),
    "recycling.Outage": AdminDoor("recycler", d.outage, verbs={"end-outage": Page("recycler", record=d.outage)}),
    "recycling.Intake": AdminDoor(
        "recycler", d.intake, create=Page("recycler"),
        verbs={"correct-weighing": Page("recycler", MANAGER, d.intake)},
    ),
    "recycling.Discrepancy": AdminDoor(
        "recycler", d.discrepancy, verbs={"settle-discrepancy": Page("recycler", record=d.discrepancy)}
    ),
    "recycling.Inspection": AdminDoor("recycler", d.inspection, create=Page("recycler")),
    "recycling.Batch": AdminDoor(
        "recycler", chains.opened, create=Page("recycler"),
        verbs={
            "charge": Page("recycler", record=chains.opened),
            "record-output": Page("recycler", record=chains.opened),
            "add-reagent": Page("recycler", record=chains.opened),
            "close": Page("recycler", record=d.with_output),
            "uncharge": Page("recycler", record=chains.charged),
            "remove-output": Page("recycler", record=d.with_output),
            "remove-reagent": Page("recycler", record=d.with_reagent),
            "reopen": Page("recycler", MANAGER, d.closed_batch),
            "void": Page("recycler", MANAGER, chains.opened),
            "determine": Page("recycler", record=chains.charged),
        },
    ),
    "recycling.ElementsTaken": AdminDoor("recycler", d.elements_choice, create=Page("recycler", MANAGER)),
    "recycling.MarketPlacement": AdminDoor(
        "producer", d.placement, create=Page("producer"),
        verbs={
            "correct": Page("producer", record=d.placement),
            "withdraw": Page("producer", record=d.placement),
        },
    ),
    "recycling.MarketStatistic": public(d.statistic),
    "recycling.EprScheme": public(d.scheme),
    "recycling.EprTarget": public(target),
    "recycling.EprReport": AdminDoor(
        "producer", filing.drafted, create=Page("producer"),
        verbs={
            "submit": Page("producer", MANAGER, filing.drafted),
            "recompute": Page("producer", record=filing.drafted),
            "withdraw": Page("producer", record=filing.drafted),
            "cancel": Page("producer", record=d.asked_report),
            "accept": Page("regulator", MANAGER, filing.filed),
            "return": Page("regulator", MANAGER, filing.filed),
            "correct": Page("producer", record=filing.filed),
        },
    ),
    "recycling.EprEvidence": AdminDoor("producer", evidence),
    "recycling.EprPlacement": AdminDoor("producer", counted),
    "recycling.UtilizationSnapshot": AdminDoor("recycler", load),
    "recycling.BacklogSnapshot": AdminDoor("recycler", backlog),
    "recycling.UtilizationRun": public(
        d.utilization_run, create=Page("recycler"), verbs={"cancel": Page("recycler", record=d.utilization_run)}
    ),
}  # fmt: skip
