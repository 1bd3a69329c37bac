"""The REST API, version 1: one line per resource."""

from django.urls import path, re_path
from rest_framework.routers import SimpleRouter

from accounts.api import auth, organizations
from accounts.api.problems import NothingHere
from collection.api import (
    assignments,
    batteries,
    claim_contests,
    consents,
    facilities,
    handovers,
    imports,
    lots,
    pickups,
    proposals,
    reference,
    relations,
    serial_patterns,
    shipments,
)
from recycling.api import (
    batches,
    capacity,
    elements_taken,
    epr,
    forecasts,
    inspections,
    intakes,
    market_statistics,
    placements,
    plants,
    reports,
    schemes,
    trace,
    utilization,
)

router = SimpleRouter()
router.register("pickups", pickups.PickupViewSet)
router.register("relations", relations.RelationViewSet)
router.register("handovers", handovers.HandoverViewSet)
router.register("receipts", handovers.ReceiptViewSet)
router.register("contests", handovers.ContestViewSet)
router.register("imports", imports.ImportViewSet)

router.register("shipments", shipments.ShipmentViewSet)
router.register("consents", consents.ConsentViewSet)
router.register("batteries", batteries.BatteryViewSet)
router.register("proposals", proposals.ProposalViewSet)
router.register("claim-contests", claim_contests.ClaimContestViewSet)
router.register("serial-patterns", serial_patterns.SerialPatternViewSet)
router.register("facilities", facilities.FacilityViewSet)
router.register("permits", facilities.PermitViewSet)
router.register("collection-points", facilities.CollectionPointViewSet)
router.register("jurisdictions", reference.JurisdictionViewSet)
router.register("chemistries", reference.ChemistryViewSet)
router.register("battery-models", reference.BatteryModelViewSet)
router.register("vehicle-patterns", assignments.VehiclePatternViewSet)
router.register("assignment-runs", assignments.AssignmentRunViewSet)
router.register("materials", reference.MaterialViewSet)
router.register("organizations", organizations.OrganizationViewSet)
router.register("memberships", organizations.MembershipViewSet)
router.register("invitations", organizations.InvitationViewSet)
router.register("auth/tokens", auth.TokenViewSet)

router.register("lots", lots.LotViewSet)
router.register("plants", plants.PlantViewSet)
router.register("lines", plants.LineViewSet)
router.register("nameplates", plants.NameplateViewSet)
router.register("outages", plants.OutageViewSet)
router.register("plant-statuses", plants.PlantStatusViewSet)
router.register("intakes", intakes.IntakeViewSet)
router.register("discrepancies", intakes.DiscrepancyViewSet)
router.register("inspections", inspections.InspectionViewSet)
router.register("batches", batches.BatchViewSet)
router.register("charges", batches.ChargeViewSet)
router.register("factors", batches.FactorViewSet)
router.register("outcomes", batches.OutcomeViewSet)
router.register("battery-traces", trace.BatteryTraceViewSet, "battery-trace")
router.register("lot-traces", trace.LotTraceViewSet, "lot-trace")

router.register("utilization", utilization.UtilizationViewSet, "utilization")
router.register("utilization-runs", utilization.RunViewSet)
router.register("backlog", utilization.BacklogViewSet, "backlog")
router.register("capacity", capacity.CapacityViewSet, "capacity")
router.register("capacity-statements", capacity.CapacityStatementViewSet)
router.register("free-capacity", capacity.FreeCapacityViewSet, "free-capacity")
router.register("return-forecasts", forecasts.ForecastViewSet)
router.register("vehicle-sales", forecasts.VehicleSalesViewSet)
router.register("epr-schemes", schemes.SchemeViewSet)
router.register("epr-reports", reports.ReportViewSet)
router.register("elements-taken", elements_taken.ElementsTakenViewSet)
router.register("epr-overview", epr.OverviewViewSet, "epr-overview")
router.register("market-placements", placements.PlacementViewSet)
router.register("market-statistics", market_statistics.MarketStatisticViewSet)

urlpatterns = [
    path("auth/login/", auth.LoginView.as_view(), name="login"),
    path("auth/logout/", auth.LogoutView.as_view(), name="logout"),
    path("auth/logout-all/", auth.LogoutAllView.as_view(), name="logout-all"),
    path("auth/password/", auth.PasswordView.as_view(), name="password"),
    path("auth/password/forgotten/", auth.ForgottenView.as_view(), name="password-forgotten"),
    path("auth/password/reset/", auth.ResetView.as_view(), name="password-reset"),
    path("me/", auth.MeView.as_view(), name="me"),
    *router.urls,
    re_path(
        r"^(?:[\s\S]*/)?$", NothingHere.as_view()
    ),  # without the slash at its end, an address is sent to the one with it
]
