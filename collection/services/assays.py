"""What a lot is made of: how assay and moisture have to be."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.utils.translation import gettext as _

from accounts.errors import Invalid
from collection.models import PART_OF, PARTS, Element, Material, MaterialElement

#: Mass fractions of elements in the dry mass of a lot.
type Fractions = Mapping[str, Decimal]

#: Fractions are kept to a hundred-millionth.
FRACTION_PLACES = 8

#: Shares that came from batteries are kept to a ten-thousandth.
SHARE_PLACES = 4


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
    if sum(fraction for element, fraction in fractions.items() if element not in PARTS) > 1:
        raise Invalid(_("The elements of an assay make up more than the lot."), field="assays")
    for part, whole in PART_OF.items():
        if fractions.get(part, Decimal(0)) > fractions.get(whole, Decimal(0)):
            raise Invalid(
                _("This is a part of %(whole)s, and cannot be more.") % {"whole": whole}, field=f"assays.{part}"
            )
    return fractions


def check_shares(shares: Fractions, fractions: Fractions) -> Fractions:
    """Refuse shares that came from batteries of what is in no assay, or that are no shares."""
    for element, share in shares.items():
        where = f"from_batteries.{element}"
        if element not in fractions:
            raise Invalid(_("The assay has no “%(element)s”.") % {"element": element}, field=where)
        if not share.is_finite() or not 0 <= share <= 1 or share != round(share, SHARE_PLACES):
            raise Invalid(_("A share is from 0 to 1, with at most four decimals."), field=where)
    return shares
