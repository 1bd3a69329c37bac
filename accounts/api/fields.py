"""What is read strictly from a body: REST framework's own fields make texts of numbers, and numbers of nearly everything."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.numbers import whole_number


class TextField(serializers.CharField):
    """A text. A number is none: of 1e400 or 0042 something else would be left."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


def record_id(data: object) -> int | None:
    """The id that was sent, as a number or in plain digits; nothing else is taken for one."""
    if isinstance(data, str):
        return whole_number(data)
    return data if type(data) is int else None
