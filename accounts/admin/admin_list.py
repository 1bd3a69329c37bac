"""Django's template tags of that name, but for the years above a list, which are read of all that it holds: the database
does not look again at each row for the first and the last of them (ADR 25).
"""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.admin.templatetags import admin_list
from django.contrib.admin.templatetags.base import InclusionAdminNode

from accounts.acting import as_platform

register = template.Library()
register.tags |= admin_list.register.tags
register.filters |= admin_list.register.filters


@register.tag(name="date_hierarchy")
def date_hierarchy(parser: Any, token: Any) -> InclusionAdminNode:
    """The years, months or days above a list."""
    return InclusionAdminNode(
        "date_hierarchy",
        parser,
        token,
        func=as_platform()(admin_list.date_hierarchy),
        template_name="date_hierarchy.html",
        takes_context=False,
    )
