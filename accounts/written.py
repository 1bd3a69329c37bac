"""Numbers and names as people type, paste and scan them, in one form.

What looks alike is alike: Unicode's compatibility forms (NFKC) are taken apart, characters that nobody sees are left out, dashes are
hyphens, and white space is one blank. Control characters say that something else was sent than was meant, and are refused.
"""

from __future__ import annotations

import re
from string import ascii_lowercase, ascii_uppercase
from unicodedata import category, normalize

from django.utils.translation import gettext as _

from accounts.errors import Invalid

#: Seen by nobody, though no format characters: joiners, fillers of Hangul, selectors of variants.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_BLANKS = " \t\r\n"
#: Letters that are compared in upper case: letter by letter, so that it is the same here and in the database, whatever
#: the language and version of either.
_LATIN = [c for c in map(chr, range(0x80, 0x180)) if c.islower() and len(c.upper()) == 1 and c == normalize("NFKC", c)]
LOWER = ascii_lowercase + "".join(_LATIN)
UPPER = ascii_uppercase + "".join(_LATIN).upper()
#: What labels print between groups, and people leave out.
GAPS = " -"
_COMPARED = str.maketrans(LOWER, UPPER, GAPS)
_SAME = str.maketrans(LOWER, UPPER, " ")


def plain(text: str, *, field: str | None = None) -> str:
    """`text` in the form that is kept. Raises `Invalid` for control characters, but for white space at its ends."""
    text = text.strip(_BLANKS)
    if text.isascii() and text.isprintable():
        return " ".join(text.split())  # as nearly all are: files have millions
    text = _UNSEEN.sub("", text)
    for character in text:
        if category(character) in ("Cc", "Cs"):
            raise Invalid(
                _("A control character (U+%(code)04X) stands here.") % {"code": ord(character)},
                field=field,
                code="control_character",
            )
    text = "".join(character for character in text if category(character) != "Cf")
    text = _UNSEEN.sub("", normalize("NFKC", text))
    text = "".join("-" if c == "\u2212" or category(c) == "Pd" else c for c in text)
    return " ".join(text.split())


def same(text: str) -> str:
    """What numbers that somebody makes up are recognized by: as `compared`, but hyphens count. `L1-1` is a part of lot `L1`."""
    return text.translate(_SAME)


def compared(text: str) -> str:
    """What a `plain` text is compared by: in upper case, without blanks and hyphens."""
    return text.translate(_COMPARED)
