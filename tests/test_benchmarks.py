"""The year that the bench is measured in can be written into the tables as they are.

It is written past the services: whoever adds a column learns here that the bench has to know of it.
"""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from benchmarks.continent import Size, write
from collection.models import Battery


@pytest.mark.django_db(transaction=True)
def test_the_continent_can_be_written() -> None:
    call_command("loadreference", stdout=StringIO())
    size = Size.of(0.1)
    write(size)
    assert Battery.objects.filter(status="consumed").count() == size.recycled
