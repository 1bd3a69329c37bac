"""A report that was filed, for tests that decide on it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from accounts.models import Role
from collection.models import Confidence
from recycling.models import EprReport, EprScheme, LegalStatus
from recycling.services import factors, placements, report_job, reports
from tests.recycling.filing import sealed
from tests.world import World


def submitted_report(world: World, units: int = 120) -> EprReport:
    """The producer's report on Nevada in the last calendar year, which waits for the regulator."""
    year = date.today().year - 1  # noqa: DTZ011 - any year that is over
    first, last = date(year, 1, 1), date(year, 12, 31)
    scheme = EprScheme.objects.create(
        code="test-nv", version="1", name="Scheme of the test world", jurisdiction=world.nv,
        shape=EprScheme.Shape.UNITS, valid=(date(2020, 1, 1), None), legal_status=LegalStatus.BINDING,
        citation="none", source="test world", confidence=Confidence.READ,
        first_period_start=date(2020, 1, 1), first_due_on=date(2021, 3, 1), due_source="test world",
        due_confidence=Confidence.READ,
    )  # fmt: skip
    placements.declare(
        actor=world.actor(world.producer), producer=world.producer, jurisdiction=world.nv, model=world.nmc_pack,
        period_start=first, period_end=last, units=units, mass_kg=Decimal(400 * units), source_key="test",
    )  # fmt: skip
    report = reports.request(
        actor=world.actor(world.producer), scheme=scheme, producer=world.producer, period_start=first, period_end=last
    )
    factors.refresh()
    assert report_job.compute(report.pk)
    report.refresh_from_db()
    return sealed(reports.submit(actor=world.actor(world.producer, Role.MANAGER), report=report))
