"""What the OpenAPI document says beside the operations: refusals, tags, and names of value lists."""

from __future__ import annotations

import inspect
from typing import Any


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: the shape of every refusal, and what each tag is about."""
    from accounts.api.documentation import PROBLEM  # these need settings, which name this hook
    from config.api_urls import router

    result["components"]["schemas"]["Problem"] = PROBLEM
    tags = {name.split("/")[0]: inspect.getdoc(viewset) or "" for name, viewset, _base in router.registry}
    tags |= {"auth": "Logging in and out, and the caller's own tokens.", "me": "Who the caller is."}
    result["tags"] = [{"name": name, "description": tags[name]} for name in sorted(tags)]
    return result


#: So that each list has one name, and no two share one.
ENUM_NAMES = {
    "Function": "accounts.models.organizations.Function",
    "InvitationStatus": "accounts.models.invitations.InvitationStatus",
    "Role": "accounts.models.organizations.Role",
    "Condition": "collection.models.batteries.Condition",
    "BatteryStatus": "collection.models.batteries.BatteryStatus",
    "BatteryModelForm": "collection.models.batteries.BatteryModel.Form",
    "BatteryModelDrive": "collection.models.batteries.BatteryModel.Drive",
    "IdentifierScheme": "collection.models.batteries.Identifier.Scheme",
    "Element": "collection.models.chemistries.Element",
    "ChemistryFamily": "collection.models.chemistries.Chemistry.Family",
    "CustodyKind": "collection.models.custody.CustodyKind",
    "PermitKind": "collection.models.facilities.Permit.Kind",
    "CollectionPointKind": "collection.models.facilities.CollectionPoint.Kind",
    "ImportStatus": "collection.models.imports.ImportStatus",
    "ImportRunKind": "collection.models.imports.ImportRun.Kind",
    "JurisdictionKind": "collection.models.jurisdictions.Jurisdiction.Kind",
    "LotStatus": "collection.models.lots.LotStatus",
    "MaterialKind": "collection.models.materials.Material.Kind",
    "PickupStatus": "collection.models.pickups.PickupStatus",
    "ProposalStatus": "collection.models.proposals.ProposalStatus",
    "ProposalKind": "collection.models.proposals.Proposal.Kind",
    "ClaimContestStatus": "collection.models.claim_contests.ClaimContestStatus",
    "ShipmentStatus": "collection.models.shipments.ShipmentStatus",
    "PackageKind": "collection.models.shipments.Package.Kind",
    "ShipmentLineOutcome": "collection.models.shipments.ShipmentLine.Outcome",
    "TransportDocumentKind": "collection.models.shipments.TransportDocument.Kind",
    "FindingStatus": "collection.models.pickups.FindingStatus",
    "Means": "collection.models.relations.Means",
    "RelationKind": "collection.models.relations.Relation.Kind",
    "RelationStatus": "collection.models.relations.RelationStatus",
    "ContestStatus": "collection.models.handovers.ContestStatus",
    "Assignment": "collection.models.assignments.Assignment",
    "VehiclePatternBy": "collection.models.assignments.VehiclePattern.By",
    "Confidence": "collection.models.sources.Confidence",
    "Unit": "collection.units.Unit",
    "BatchStatus": "recycling.models.batches.BatchStatus",
    "DiscrepancyStatus": "recycling.models.intakes.DiscrepancyStatus",
    "DiscrepancyKind": "recycling.models.intakes.Discrepancy.Kind",
    "Decision": "recycling.models.intakes.Decision",
    "Stage": "recycling.models.plants.Stage",
    "Basis": "recycling.models.plants.Basis",
    "OperatingStatus": "recycling.models.plants.OperatingStatus",
    "CapacityStanding": "recycling.models.capacity.Standing",
    "ForecastInputs": "recycling.models.forecasts.Inputs",
    "LifetimeDistribution": "recycling.models.forecasts.Distribution",
    "VehicleKind": "recycling.models.forecasts.VehicleKind",
    "SalesScenario": "recycling.models.forecasts.VehicleSales.Scenario",
    "OutageKind": "recycling.models.plants.Outage.Kind",
    "EprEvidenceFate": "recycling.models.report_evidence.EprEvidence.Fate",
    "ReportStatus": "recycling.models.reports.ReportStatus",
    "Breakdown": "recycling.models.reports.Breakdown",
    "LegalStatus": "recycling.models.schemes.LegalStatus",
    "Use": "collection.models.lots.Use",
    "AssayBasis": "collection.models.lots.AssayBasis",
    "InputMethod": "recycling.models.input_analyses.InputAnalysis.Method",
    "OptionalElement": "recycling.models.elements_taken.OptionalElement",
    "Metric": "recycling.models.schemes.Metric",
    "PlacementStatus": "recycling.models.schemes.PlacementStatus",
    "EprSchemeShape": "recycling.models.schemes.EprScheme.Shape",
    "EprSchemeCounts": "recycling.models.schemes.EprScheme.Counts",
    "BacklogSnapshotFeed": "recycling.models.utilization.BacklogSnapshot.Feed",
    "RunStatus": "recycling.models.utilization.UtilizationStatus",
}
