"""docs/domain.md says what the code does: its state tables are the moves, its glossary knows every model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import TextChoices

from accounts.models import INVITATION_MOVES, InvitationStatus
from collection.models.assignments import ASSIGNMENT_MOVES, AssignmentStatus
from collection.models.batteries import BATTERY_MOVES, BatteryStatus
from collection.models.claim_contests import CLAIM_CONTEST_MOVES, ClaimContestStatus
from collection.models.handovers import CONTEST_MOVES, ContestStatus
from collection.models.imports import IMPORT_MOVES, ImportStatus
from collection.models.lots import LOT_MOVES, LotStatus
from collection.models.pickups import FINDING_MOVES, PICKUP_MOVES, FindingStatus, PickupStatus
from collection.models.proposals import PROPOSAL_MOVES, ProposalStatus
from collection.models.relations import RELATION_MOVES, RelationStatus
from collection.models.shipments import SHIPMENT_MOVES, ShipmentStatus
from recycling.models.batches import BATCH_MOVES, BatchStatus
from recycling.models.forecasts import FORECAST_MOVES, ForecastStatus
from recycling.models.intakes import DISCREPANCY_MOVES, DiscrepancyStatus
from recycling.models.reports import REPORT_MOVES, ReportStatus
from recycling.models.schemes import PLACEMENT_MOVES, PlacementStatus
from recycling.models.utilization import UTILIZATION_MOVES, UtilizationStatus

TEXT = (Path(__file__).parent.parent / "docs" / "domain.md").read_text()

STATES: dict[str, tuple[type[TextChoices], list[tuple[str, str]]]] = {
    "Invitation": (InvitationStatus, INVITATION_MOVES),
    "Battery": (BatteryStatus, BATTERY_MOVES),
    "Lot": (LotStatus, LOT_MOVES),
    "Pickup": (PickupStatus, PICKUP_MOVES),
    "Relation": (RelationStatus, RELATION_MOVES),
    "PickupFinding": (FindingStatus, FINDING_MOVES),
    "Contest": (ContestStatus, CONTEST_MOVES),
    "Shipment": (ShipmentStatus, SHIPMENT_MOVES),
    "Discrepancy": (DiscrepancyStatus, DISCREPANCY_MOVES),
    "Batch": (BatchStatus, BATCH_MOVES),
    "MarketPlacement": (PlacementStatus, PLACEMENT_MOVES),
    "EprReport": (ReportStatus, REPORT_MOVES),
    "Proposal": (ProposalStatus, PROPOSAL_MOVES),
    "ClaimContest": (ClaimContestStatus, CLAIM_CONTEST_MOVES),
    "ImportRun": (ImportStatus, IMPORT_MOVES),
    "AssignmentRun": (AssignmentStatus, ASSIGNMENT_MOVES),
    "UtilizationRun": (UtilizationStatus, UTILIZATION_MOVES),
    "ReturnForecast": (ForecastStatus, FORECAST_MOVES),
}


def table(states: type[TextChoices], moves: list[tuple[str, str]]) -> str:
    """A state table as it stands in the document."""
    rows = ["| from | to |", "|---|---|"]
    for state in states:
        onward = sorted(str(wanted) for old, wanted in moves if old == state)
        rows.append(f"| {state.value} | {', '.join(onward) or 'final'} |")
    return "\n".join(rows)


@pytest.mark.parametrize("name", STATES)
def test_a_state_table_is_the_list_of_moves(name: str) -> None:
    found = re.search(rf"^### {name}\n\n(\|.*?)(?:\n\n|\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found is not None, f"docs/domain.md lacks the state table of {name}"
    assert found.group(1).strip() == table(*STATES[name])


def test_every_model_with_moves_is_listed() -> None:
    guarded = {
        model.__name__
        for app in ("accounts", "collection", "recycling")
        for model in apps.get_app_config(app).get_models()
        if any(trigger.name == "status_moves" for trigger in getattr(model._meta, "triggers", []))
    }
    assert guarded == set(STATES)


def test_the_glossary_knows_every_model() -> None:
    for app in ("accounts", "collection", "recycling"):
        for model in apps.get_app_config(app).get_models():
            if model.__name__.endswith(("Event", "History")) and model.__name__ != "CustodyEvent":
                continue  # django-pghistory's own
            assert f"**{model.__name__}**" in TEXT, f"docs/domain.md lacks {model.__name__}"
