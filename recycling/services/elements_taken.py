"""Which optional elements a recycler takes into account in a year."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Function, Organization, Role
from accounts.verbs import verb
from recycling.models import FILED_REPORTS, ElementsTaken, EprReport, EprScheme, OptionalElement
from recycling.queries.annex import FROM_2030
from recycling.services.reports import FIRST_YEAR, LAST_YEAR


@verb(of="recycler", function=Function.RECYCLER, role=Role.MANAGER)
def choose(*, actor: Actor, recycler: Organization, year: int, elements: Sequence[str] = ()) -> ElementsTaken:
    """Choose which of oxygen, carbon and iron at cell level, phosphorus, chlorine and sulfur count in a year, in input and
    output both. Needs a manager. From 2030 on carbon, iron and phosphorus always do.

    Refused once a documentation of that year was filed: a correction computes with the same choice.
    """
    if not recycler.has_function(Function.RECYCLER):
        raise Invalid(_("%(name)s is no recycler.") % {"name": recycler}, field="recycler")
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise Invalid(_("A year from %(first)s to %(last)s.") % {"first": FIRST_YEAR, "last": LAST_YEAR}, field="year")
    unknown = next((element for element in elements if element not in OptionalElement.values), None)
    if unknown is not None:
        raise Invalid(_("“%(element)s” is not optional.") % {"element": unknown}, field="elements")
    missing = [element for element in FROM_2030 if year >= 2030 and element not in elements]
    if missing:
        raise Invalid(
            _("From 2030 on %(elements)s is taken into account.") % {"elements": ", ".join(missing)}, field="elements"
        )
    Organization.objects.select_for_update(of=("self",), no_key=True).get(pk=recycler.pk)
    if EprReport.objects.filter(
        producer=recycler, scheme__shape=EprScheme.Shape.RECYCLER, period_start__year=year, status__in=FILED_REPORTS
    ).exists():
        raise Refused(_("A documentation of this year was filed."), field="year", code="already_filed")
    chosen = [element for element in OptionalElement.values if element in elements]
    taken, _is_new = ElementsTaken.objects.update_or_create(recycler=recycler, year=year, defaults={"elements": chosen})
    return taken
