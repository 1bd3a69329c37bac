"""What `accounts.written` makes of a number, made by the database."""

from __future__ import annotations

from django.db import models

from accounts.written import GAPS, LOWER, UPPER


def compared(field: str) -> models.Func:
    return _in_upper_case(field, GAPS)


def same(field: str) -> models.Func:
    return _in_upper_case(field, " ")


def normalized(field: str) -> models.Func:
    """By NFKC, without regard to anything else."""
    template = "%(function)s(%(expressions)s, NFKC)"
    return models.Func(models.F(field), function="normalize", template=template, output_field=models.CharField())


def _in_upper_case(field: str, left_out: str) -> models.Func:
    letters = models.Value(LOWER + left_out), models.Value(UPPER)
    return models.Func(models.F(field), *letters, function="translate", output_field=models.CharField())
