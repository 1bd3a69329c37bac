"""The REST API, version 1: one line per resource."""

from rest_framework.routers import SimpleRouter

from collection.api import pickups

router = SimpleRouter()
router.register("pickups", pickups.PickupViewSet)

urlpatterns = router.urls
