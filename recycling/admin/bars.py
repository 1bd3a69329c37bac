"""Figures in lists: shares as bars, masses without the digits that nobody reads."""

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _


def bar(percent: Decimal | int | None, *, nothing: str = "–") -> SafeString | str:
    """A percentage as a bar and in words. The bar ends at 100; the words do not."""
    if percent is None:
        return nothing
    text = number_format(percent, 1 if isinstance(percent, Decimal) else 0)
    over = _("above 100 %") if percent > 100 else ""
    width = f"{min(max(Decimal(percent), Decimal(0)), Decimal(100)):.2f}"
    return format_html(
        '<div class="start"><div class="start-bar{}"><div class="start-track" aria-hidden="true">'
        '<div class="start-fill" style="width: {}%"></div></div><span class="start-value">{} % {}</span></div></div>',
        " is-over" if over else "",
        width,
        text,
        over,
    )


def kilograms(mass: Decimal | None) -> str:
    """A mass to the kilogram; the record itself has all digits."""
    return "–" if mass is None else number_format(mass, 0, force_grouping=True)
