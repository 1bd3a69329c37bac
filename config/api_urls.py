"""The REST API, version 1: one line per resource."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from accounts.api import auth, organizations
from collection.api import batteries, consents, facilities, imports, pickups, reference, shipments
from recycling.api import epr, placements, reports, schemes, utilization

router = SimpleRouter()
router.register("pickups", pickups.PickupViewSet)
router.register("imports", imports.ImportViewSet)

router.register("shipments", shipments.ShipmentViewSet)
router.register("consents", consents.ConsentViewSet)
router.register("batteries", batteries.BatteryViewSet)
router.register("facilities", facilities.FacilityViewSet)
router.register("permits", facilities.PermitViewSet)
router.register("collection-points", facilities.CollectionPointViewSet)
router.register("jurisdictions", reference.JurisdictionViewSet)
router.register("chemistries", reference.ChemistryViewSet)
router.register("battery-models", reference.BatteryModelViewSet)
router.register("materials", reference.MaterialViewSet)
router.register("organizations", organizations.OrganizationViewSet)
router.register("memberships", organizations.MembershipViewSet)
router.register("auth/tokens", auth.TokenViewSet)

router.register("utilization", utilization.UtilizationViewSet, "utilization")
router.register("utilization-runs", utilization.RunViewSet)
router.register("backlog", utilization.BacklogViewSet, "backlog")
router.register("epr-schemes", schemes.SchemeViewSet)
router.register("epr-reports", reports.ReportViewSet)
router.register("epr-overview", epr.OverviewViewSet, "epr-overview")
router.register("market-placements", placements.PlacementViewSet)

urlpatterns = [
    path("auth/login/", auth.LoginView.as_view(), name="login"),
    path("auth/logout/", auth.LogoutView.as_view(), name="logout"),
    path("auth/logout-all/", auth.LogoutAllView.as_view(), name="logout-all"),
    path("me/", auth.MeView.as_view(), name="me"),
    *router.urls,
]
