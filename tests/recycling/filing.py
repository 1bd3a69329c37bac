"""Reports on their way: asked for, computed, filed; and a history for them to tell of."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from accounts.models import Role
from collection.models import Battery
from recycling.models import EprReport, EprReportLine, EprScheme, MarketStatistic
from recycling.services import placements, report_job, report_seal, reports
from tests.recycling.chain import at, carry, process
from tests.world import World, batteries_at

YEAR = (date(2025, 1, 1), date(2025, 12, 31))


def scheme(shape: str, jurisdiction: Any = None, **fields: Any) -> EprScheme:
    return EprScheme.objects.create(
        code=f"test-{shape}", version="1", name=shape, jurisdiction=jurisdiction, shape=shape,
        valid=(date(2020, 1, 1), None), legal_status="reference", citation="test", source="test", confidence="S",
        **fields,
    )  # fmt: skip


def asked(world: World, of: EprScheme | None = None, **fields: Any) -> EprReport:
    of = of or EprScheme.objects.filter(code="test-eu_reference").first() or scheme("eu_reference")
    producer = fields.setdefault("producer", world.producer)
    return reports.request(
        actor=world.actor(producer), scheme=of,
        **{"jurisdiction": world.nv, "period_start": YEAR[0], "period_end": YEAR[1], **fields},
    )  # fmt: skip


def drafted(world: World, of: EprScheme | None = None, **fields: Any) -> EprReport:
    report = asked(world, of, **fields)
    assert report_job.compute(report.pk)
    return EprReport.objects.get(pk=report.pk)


def submitting(world: World, of: EprScheme | None = None, **fields: Any) -> EprReport:
    report = drafted(world, of, **fields)
    return reports.submit(actor=world.actor(report.producer, Role.MANAGER), report=report)


def sealed(report: EprReport) -> EprReport:
    """A report that is being submitted, when the worker is done with it."""
    assert report_seal.seal(report.pk)
    return EprReport.objects.get(pk=report.pk)


def filed(world: World, of: EprScheme | None = None, **fields: Any) -> EprReport:
    return sealed(submitting(world, of, **fields))


def value(report: EprReport, metric: str, **dimensions: Any) -> Decimal | None:
    """The value of the one line that has these dimensions and no others."""
    wanted = {"breakdown": "", **dimensions}
    return EprReportLine.objects.get(report=report, metric=metric, **wanted).value


def shared_batch(world: World) -> list[Battery]:
    """Ten NMC packs of the producer and five LFP packs of the other, shredded together; the black mass is leached in
    Canada.

    Charged: 10 x 60 kWh x 0.55 = 330 kg Ni, 600 x 0.11 + 250 x 0.09 = 88.5 kg Li,
    600 x 0.39 + 250 x 0.55 = 371.5 kg Cu.
    """
    nmc = batteries_at(world, world.plant_site, 10, at=at(2025, 3, 1))
    lfp = batteries_at(world, world.plant_site, 5, at=at(2025, 3, 1), model=world.lfp_pack, mass_value=Decimal(360))
    _batch, (black, _copper) = process(
        world, world.shredder, packs=[*nmc, *lfp], charged_at=at(2025, 4, 1),
        makes=[
            ("black_mass", "2000", {"Ni": "0.16", "Li": "0.04", "graphite": "0.3"}),  # 320 kg Ni, 80 kg Li
            ("copper", "297.2", {}),  # 80 % of 371.5 kg
        ],
    )  # fmt: skip
    (black,) = carry(world, [black], world.refinery_site, arrived_at=at(2025, 5, 1))
    process(
        world, world.hydro, lots=[black], charged_at=at(2025, 6, 1),
        makes=[
            ("niso4_6h2o", "1000", {"Ni": "0.2"}),  # 200 of 320 kg: 0.625
            ("li2co3", "200", {"Li": "0.18"}),  # 36 of 80 kg: 0.45
            ("slag", "100", {"Ni": "0.1"}),  # 10 kg
        ],
    )  # fmt: skip
    return [*nmc, *lfp]


def declared(world: World, key: str, **fields: Any) -> Any:
    return placements.declare(
        actor=world.actor(world.producer), producer=world.producer, source_key=key,
        **{
            "jurisdiction": world.nj, "period_start": date(2025, 1, 1), "period_end": date(2025, 3, 31), "units": 100,
            "model": world.nmc_pack, **fields,
        },
    )  # fmt: skip


def counted(world: World, key: str, **fields: Any) -> MarketStatistic:
    """What the regulator counted of the producer in New Jersey."""
    return MarketStatistic.objects.create(
        source_key=key,
        **{
            "authority": world.regulator, "producer": world.producer, "jurisdiction": world.nj,
            "period_start": date(2025, 1, 1), "period_end": date(2025, 3, 31), "units": 90, "source": "test", **fields,
        },
    )  # fmt: skip
