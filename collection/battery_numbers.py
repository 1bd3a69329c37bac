"""The numbers that batteries go by, in one form, whoever reads them and however they are written.

Every door leads through `normal`: what registers and what looks up agree by it. The database compares by the same form
(`collection.models.batteries.SEARCHED`). Decided in docs/adr/0023.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from accounts.errors import Invalid
from accounts.written import compared, plain
from collection.validators import is_vin

type Key = tuple[str, str, str]

#: Schemes whose numbers say themselves who gave them, and are given once in the world.
WORLDWIDE = ("vin", "sgtin", "giai", "gbt34014")

#: The longest number and the longest name of an issuer that are kept; and what may be sent, an address for instance.
LONGEST = 100
LONGEST_SENT = 300

#: GS1 application identifiers, by scheme: what makes the number, in this order.
GS1 = {"sgtin": ("01", "21"), "giai": ("8004",)}
#: Between the elements of a scanned GS1 string, where FNC1 stands in the symbol.
FNC1 = "\x1d"
_SYMBOLOGY = re.compile(r"^\][A-Za-z][0-9]")
_MARKED = re.compile(r"(?i)^(\(\d{2,4}\)|\][a-z]\d|https?://|01\d{14}21|8004)")
_NOT_ASCII = re.compile(r"[^ -~]")


class Normal(NamedTuple):
    """An identifier as it is kept."""

    scheme: str
    issuer: str
    value: str

    @property
    def key(self) -> Key:
        """What it is recognized by."""
        return self.scheme, compared(self.issuer), compared(self.value)

    @property
    def is_whose(self) -> bool:
        """Whether it is told who gave it; if not, it names nothing beyond the organization that entered it."""
        return bool(self.issuer) or self.scheme in WORLDWIDE


def normal(scheme: str, value: str, issuer: str = "") -> Normal:
    """The identifier as it is kept. Raises `Invalid`, with the field at fault."""
    issuer = plain(issuer, field="issuer")
    value = _gs1(scheme, value) if scheme in GS1 else plain(value, field="value")
    if strange := _NOT_ASCII.search(value):
        raise Invalid(
            _("“%(character)s” (U+%(code)04X) is no letter of A to Z, digit or sign of an identifier.")
            % {"character": strange.group(), "code": ord(strange.group())},
            field="value",
            code="character",
        )
    if not compared(value):
        raise Invalid(_("An identifier may not be empty."), field="value")
    for name, part in (("value", value), ("issuer", issuer)):
        if len(part) > LONGEST:
            raise Invalid(_("Give at most %(longest)s characters.") % {"longest": LONGEST}, field=name)
    if scheme == "vin":
        value = compared(value)
        if not is_vin(value):
            raise Invalid(
                _("“%(value)s” is not a valid VIN: 17 characters, no I, O or Q, and a right check digit.")
                % {"value": value},
                field="value",
                code="vin",
            )
    if issuer and scheme in WORLDWIDE:
        message = (
            _("A VIN has no issuer.") if scheme == "vin" else _("This number names its issuer itself: leave it out.")
        )
        raise Invalid(message, field="issuer")
    return Normal(scheme, issuer, value)


def guess_scheme(value: str) -> str:
    """The scheme of a number that was typed or scanned without one: what GS1 marks as such, a VIN by its length, or a serial."""
    for scheme in GS1:
        if _is_marked(value) and _read_gs1(scheme, value):
            return scheme
    return "vin" if len(compared(plain(value))) == 17 else "oem_serial"


def searched(term: str) -> set[str]:
    """What a number may be kept as that was typed into a search; nothing where it is none."""
    return set(_searched(term))


def _searched(term: str) -> Iterator[str]:
    if _is_marked(term):
        for scheme in GS1:
            if number := _read_gs1(scheme, term):
                yield compared(number)
    try:
        form = compared(plain(term))
    except Invalid:
        return
    if form:
        yield form
        yield "8004" + form


def _gs1(scheme: str, value: str) -> str:
    number = _read_gs1(scheme, value)
    if number is None and scheme == "giai" and not _is_marked(value):
        number = _read_gs1(scheme, "8004" + "".join(plain(value, field="value").split()))
    if number is None:
        plain(value.replace(FNC1, ""), field="value")  # what is wrong may be a control character
        example = "(01)09506000134352(21)A1" if scheme == "sgtin" else "(8004)0614141A1"
        raise Invalid(
            _(
                "No %(scheme)s of GS1 with right check digits, such as %(example)s, as an element string or a Digital Link."
            )
            % {"scheme": scheme.upper(), "example": example},
            field="value",
            code="gs1",
        )
    return number


def _scanned(text: str) -> str:
    """`text` in plain letters, without blanks; what separates the elements of a scanned string stays."""
    parts = text.strip(" \t\r\n" + FNC1).split(FNC1)
    return FNC1.join("".join(plain(part).split()) for part in parts)


def _is_marked(text: str) -> bool:
    """Whether `text` looks like GS1's by itself. It says so fast, of whatever people search for."""
    try:
        return _MARKED.match(_scanned(text)) is not None
    except Invalid:
        return False


def _read_gs1(scheme: str, text: str) -> str | None:
    """The number of `scheme` in an element string (scanned, or with brackets) or a Digital Link, as an element string without
    brackets; none if there is none.
    """
    # Loaded where GS1 is spoken: it takes 0.2 s.
    from biip import BiipException
    from biip.gs1_digital_link_uris import GS1DigitalLinkURI
    from biip.gs1_messages import GS1Message

    try:
        text = _scanned(text)
        if urlsplit(text).scheme.lower() in ("http", "https"):
            found = GS1DigitalLinkURI.parse(text).element_strings
        elif text.startswith("("):
            found = GS1Message.parse_hri(text).element_strings
        else:
            found = GS1Message.parse(_SYMBOLOGY.sub("", text)).element_strings
    except (BiipException, ValueError, Invalid):
        return None
    values = {element.ai.ai: element.value for element in found if element.gtin_error is None}
    wanted = GS1[scheme]
    return "".join(ai + values[ai] for ai in wanted) if all(values.get(ai) for ai in wanted) else None
