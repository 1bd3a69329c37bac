"""How the admin looks and what it offers. Every asset is served from here: no fonts or scripts of others."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Relode",
    "SITE_HEADER": "Relode",
    "SITE_SYMBOL": "battery_change",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_HISTORY": False,  # the admin's own log would be empty: changes come from services, which keep theirs
    "SHOW_BACK_BUTTON": True,
    "SHOW_LANGUAGES": True,
    "ENVIRONMENT": "config.navigation.simulated_label",
    "DASHBOARD_CALLBACK": "config.start_page.fill",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lazy(static, str)("relode/favicon.svg")}],
    "STYLES": [lazy(static, str)("relode/relode.css")],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "config.navigation.groups",
    },
    "ACCOUNT": {"navigation": [{"title": gettext_lazy("Second factor"), "link": reverse_lazy("mfa_index")}]},
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {  # a green that is told apart from the red and the amber of warnings
            "50": "oklch(98.2% .018 155.826)",
            "100": "oklch(95% .052 163.051)",
            "200": "oklch(90.5% .093 164.15)",
            "300": "oklch(84.5% .143 164.978)",
            "400": "oklch(76.5% .177 163.223)",
            "500": "oklch(69.6% .17 162.48)",
            "600": "oklch(50.8% .118 165.612)",
            "700": "oklch(43.2% .095 166.913)",
            "800": "oklch(37.8% .077 168.94)",
            "900": "oklch(32% .066 169)",
            "950": "oklch(26.2% .051 172.552)",
        },
    },
}
