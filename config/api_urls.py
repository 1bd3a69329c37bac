"""The REST API, version 1: one line per resource."""

from rest_framework.routers import SimpleRouter

router = SimpleRouter()

urlpatterns = router.urls
