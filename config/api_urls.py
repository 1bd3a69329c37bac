"""The REST API, version 1: one line per resource."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from accounts.api import auth, organizations
from collection.api import imports, pickups

router = SimpleRouter()
router.register("pickups", pickups.PickupViewSet)
router.register("imports", imports.ImportViewSet)

router.register("organizations", organizations.OrganizationViewSet)
router.register("memberships", organizations.MembershipViewSet)
router.register("auth/tokens", auth.TokenViewSet)

urlpatterns = [
    path("auth/login/", auth.LoginView.as_view(), name="login"),
    path("auth/logout/", auth.LogoutView.as_view(), name="logout"),
    path("auth/logout-all/", auth.LogoutAllView.as_view(), name="logout-all"),
    path("me/", auth.MeView.as_view(), name="me"),
    *router.urls,
]
