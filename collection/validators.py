from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


def validate_time_zone(value: str) -> None:
    """`value` must be the name of an IANA time zone."""
    if value not in available_timezones():
        raise ValidationError(_("“%(value)s” is not an IANA time zone."), code="time_zone", params={"value": value})


_VIN_VALUES = dict(zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "012345678912345678123457923456789"), strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def is_vin(value: str) -> bool:
    """Whether `value` has the form and the check digit of a North American VIN (49 CFR 565.15(c)).

    Our own, since python-stdnum 2.2 has no VIN module (docs/adr/0004).
    """
    if len(value) != len(_VIN_WEIGHTS) or not set(value) <= _VIN_VALUES.keys():
        return False
    rest = sum(_VIN_VALUES[character] * weight for character, weight in zip(value, _VIN_WEIGHTS, strict=True)) % 11
    return value[8] == ("X" if rest == 10 else str(rest))


def validate_vin(value: str) -> None:
    """`value` must be a 17-character vehicle identification number with a right check digit."""
    if not is_vin(value):
        raise ValidationError(
            _("“%(value)s” is not a valid VIN: 17 characters, no I, O or Q, and a right check digit."),
            code="vin",
            params={"value": value},
        )
