"""Ids, as they stand in addresses, bodies, filters and typed rows."""


def whole_number(text: str) -> int | None:
    """The number that `text` writes in plain digits; none if that is not all it does, or if no id could be so long.

    `int` takes “1_0”, “ 5” and “٣” as well, and a second for some texts.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
