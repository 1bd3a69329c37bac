"""What a lot is made of: how assay and moisture have to be."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.utils.translation import gettext as _

from accounts.errors import Invalid
from collection.models import Element, Material, MaterialElement

#: Mass fractions of elements in the dry mass of a lot.
type Fractions = Mapping[str, Decimal]

#: Fractions are kept to a hundred-millionth.
FRACTION_PLACES = 8


def stoichiometry(material: Material) -> Fractions:
    """Mass fractions of the elements in a pure material; empty for one that needs an assay."""
    return dict(MaterialElement.objects.filter(material=material).values_list("element", "fraction"))


def check_moisture(moisture: Decimal) -> None:
    """Refuse what is no mass fraction of water."""
    if not moisture.is_finite() or not 0 <= moisture < 1:
        raise Invalid(_("Moisture is a share from 0 to less than 1."), field="moisture")
    if moisture != round(moisture, 4):
        raise Invalid(_("Moisture has at most four decimals."), field="moisture")


def check_fractions(fractions: Fractions) -> Fractions:
    """Refuse an assay of unknown elements, or of more than everything."""
    for element, fraction in fractions.items():
        where = f"assays.{element}"
        if element not in Element.values:
            raise Invalid(_("“%(element)s” is no element that is followed.") % {"element": element}, field=where)
        if not fraction.is_finite() or not 0 <= fraction <= 1:
            raise Invalid(_("A mass fraction is from 0 to 1."), field=where)
        if fraction != round(fraction, FRACTION_PLACES):
            raise Invalid(_("A mass fraction has at most eight decimals."), field=where)
    if sum(fractions.values()) > 1:
        raise Invalid(_("The elements of an assay make up more than the lot."), field="assays")
    return fractions
