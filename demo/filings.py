"""What the example's producers declare and report, computed by real workers and decided on by their regulators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from time import monotonic, sleep

from accounts.actors import Actor
from collection.models import Jurisdiction
from demo.packs import Shelf
from demo.world import PRODUCERS, SOURCE, World
from recycling.models import (
    EprReport,
    EprScheme,
    ForecastStatus,
    Inputs,
    Plant,
    ReportStatus,
    ReturnForecast,
    UtilizationRun,
    UtilizationStatus,
)
from recycling.services import forecasts, placements, reports, utilization
from recycling.tasks import forecasts as forecast_tasks
from recycling.tasks import reports as report_tasks
from recycling.tasks import utilization as utilization_tasks

#: Where the example's producers sell, and about how many batteries of a model in a year.
MARKETS = {"US-CA": 900, "US-NJ": 420, "US-CO": 260, "US-NV": 120, "CA-QC": 300, "CA-ON": 340, "MX-NLE": 90}

NEW_JERSEY, COLORADO, EU = "us-nj-evbma", "us-co-bsa", "eu-2023-1542"

#: What recyclers document.
RECYCLERS = "eu-2025-606-lithium"

#: What returns are forecast from: what was really sold, by a source, and what the example's producers declared.
FORECASTS = (Inputs.MOMENTUM, Inputs.PLACEMENTS)

#: How long the workers may take for everything that is asked of them at once.
PATIENCE_SECONDS = 300


class TooSlow(Exception):
    """The workers did not finish in time. What they were asked for stays asked for."""


@dataclass(frozen=True)
class Filing:
    """A report that is to be asked for, and how far it is to go."""

    producer: str
    scheme: str
    place: str | None
    goal: ReportStatus


#: The last producer files nothing in New Jersey: a regulator's page should show that too.
FILINGS = [
    Filing("producer", NEW_JERSEY, None, ReportStatus.ACCEPTED),
    Filing("producer", COLORADO, None, ReportStatus.RETURNED),
    Filing("producer", EU, "US", ReportStatus.SUBMITTED),
    Filing("producer", EU, "CA", ReportStatus.DRAFT),
    Filing("producer-2", NEW_JERSEY, None, ReportStatus.SUBMITTED),
    Filing("producer-2", COLORADO, None, ReportStatus.SUBMITTED),
    Filing("producer-2", EU, "US", ReportStatus.ACCEPTED),
    Filing("producer-3", NEW_JERSEY, None, ReportStatus.ACCEPTED),
    Filing("producer-3", EU, "US", ReportStatus.SUBMITTED),
    Filing("producer-4", EU, "CA", ReportStatus.SUBMITTED),
    Filing("recycler", RECYCLERS, None, ReportStatus.SUBMITTED),
    Filing("recycler-east", RECYCLERS, None, ReportStatus.DRAFT),
]


def declare(world: World, shelf: Shelf) -> None:
    """What the producers placed on the market in the last calendar year, and in this one so far."""
    places = {place.pk: place for place in Jurisdiction.objects.filter(pk__in=MARKETS)}
    for key in PRODUCERS:
        for place, usual in MARKETS.items():
            for model in shelf.models[key]:
                for year in (world.now.year - 1, world.now.year):
                    units = world.rng.randint(usual // 3, usual)
                    last = date(year, 12, 31)
                    if year == world.now.year:
                        last = world.now.date().replace(day=1) - timedelta(days=1)
                        units = units * last.month // 12
                    if last.year != year or not units:
                        continue  # in January nothing was declared of the year yet
                    placements.declare(
                        actor=world.actors[key], producer=world.organizations[key], jurisdiction=places[place],
                        model=model, period_start=date(year, 1, 1), period_end=last, units=units, source=SOURCE,
                        mass_kg=(shelf.usual_kg[model.pk] * units).quantize(Decimal("0.001")), is_simulated=True,
                        source_key=f"{place}/{model.code}/{year}",
                    )  # fmt: skip


type Run = UtilizationRun | ReturnForecast


def ask(world: World) -> tuple[list[Run], list[EprReport]]:
    """Ask the workers for utilization of the whole history, and for all forecasts and reports that are not there yet."""
    tomorrow = world.now.date() + timedelta(days=1)
    run = utilization.request(actor=world.actors["recycler"], from_day=world.start, to_day=tomorrow)
    runs: list[Run] = [utilization_tasks.enqueue(run)]
    for inputs in FORECASTS:
        if not ReturnForecast.objects.filter(inputs=inputs, status=ForecastStatus.DONE).exists():
            year = world.now.year
            forecast = forecasts.request(
                actor=world.actors["recycler"], first_year=year, last_year=year + 15, inputs=inputs
            )
            runs.append(forecast_tasks.enqueue(forecast))
    first, last = date(world.now.year - 1, 1, 1), date(world.now.year - 1, 12, 31)
    asked = []
    for filing in FILINGS:
        scheme = EprScheme.objects.get(code=filing.scheme)
        producer = world.organizations[filing.producer]
        place = Jurisdiction.objects.get(pk=filing.place) if filing.place else None
        actor = world.actors[filing.producer]
        is_recyclers = scheme.shape == EprScheme.Shape.RECYCLER
        plant = Plant.objects.get(facility__operator=producer) if is_recyclers else None
        there = EprReport.objects.filter(scheme=scheme, producer=producer, period_start=first)
        if plant is None:
            there = there.filter(jurisdiction=place or scheme.jurisdiction)
        if there.exclude(status=ReportStatus.WITHDRAWN).filter(status__in=_FINISHED).exists():
            continue
        if plant is not None:
            report = reports.document(actor=actor, plant=plant, scheme=scheme, year=first.year)
        else:
            report = reports.request(
                actor=actor, scheme=scheme, producer=producer, jurisdiction=place, period_start=first, period_end=last
            )
        asked.append(report_tasks.enqueue(report))
    return runs, asked


def submit(world: World) -> list[EprReport]:
    """Submit the drafts that the plan says; workers seal them."""
    drafts = [(filing, _reported(world, filing, ReportStatus.DRAFT)) for filing in FILINGS]
    return [
        _submitted(world, filing.producer, report)
        for filing, report in drafts
        if report is not None and filing.goal != ReportStatus.DRAFT
    ]


def decide(world: World) -> list[EprReport]:
    """Accept and return what the plan says; the corrections that follow are asked for and returned."""
    corrections = []
    for filing in FILINGS:
        report = _reported(world, filing, ReportStatus.SUBMITTED)
        if report is None:
            continue
        regulator = _regulator(world, report)
        if filing.goal == ReportStatus.ACCEPTED:
            reports.accept(actor=regulator, report=report, note="complete (simulated)")
        elif filing.goal == ReportStatus.RETURNED:
            reports.return_(
                actor=regulator, report=report, note="Say which facility in Canada refined the black mass (simulated)."
            )
            correction = reports.correct(actor=world.actors[filing.producer], report=report)
            corrections.append(report_tasks.enqueue(correction))
    return corrections


def submit_corrections(world: World, corrections: Iterable[EprReport]) -> list[EprReport]:
    """Submit corrections; they supersede what was returned, and wait for the regulator."""
    keys = {organization.pk: key for key, organization in world.organizations.items()}
    return [_submitted(world, keys[report.producer_id], report) for report in corrections]


def _submitted(world: World, producer: str, report: EprReport) -> EprReport:
    return report_tasks.enqueue(reports.submit(actor=world.actors[producer], report=report))


def wait(runs: Sequence[Run], asked: Iterable[EprReport], tell: Callable[[str], None]) -> None:
    """Wait until the workers finished, telling how far they are whenever that changes."""
    ids = [report.pk for report in asked]
    started, said = monotonic(), ""
    for percent, is_finished, text in _progress(runs, ids):
        if text != said:
            tell(text)
            said = text
        if is_finished:
            failed = EprReport.objects.filter(pk__in=ids, status=ReportStatus.FAILED).values_list("message", flat=True)
            if failed:
                raise TooSlow(f"reports failed: {', '.join(failed)}")
            return
        if monotonic() - started > PATIENCE_SECONDS:
            raise TooSlow(f"the workers are at {percent} % after {PATIENCE_SECONDS} s")
        sleep(0.2)


_ENDED = (UtilizationStatus.DONE, UtilizationStatus.FAILED, ForecastStatus.DONE, ForecastStatus.FAILED)
_FINISHED = (
    ReportStatus.DRAFT,
    ReportStatus.SUBMITTED,
    ReportStatus.ACCEPTED,
    ReportStatus.RETURNED,
    ReportStatus.SUPERSEDED,
)


def _progress(runs: Sequence[Run], ids: list[int]) -> Iterator[tuple[int, bool, str]]:
    while True:
        for run in runs:
            run.refresh_from_db(fields=["status", "progress"])
        share = sum(run.progress for run in runs) // len(runs) if runs else 100
        rows = list(EprReport.objects.filter(pk__in=ids).select_related("progress"))
        over = (*_FINISHED, ReportStatus.FAILED)
        done = sum(row.status in over for row in rows)
        percents = [100 if row.status in over else row.progress.percent for row in rows]
        percent = (share + sum(percents)) // (1 + len(percents))
        is_finished = done == len(rows) and all(run.status in _ENDED for run in runs)
        yield percent, is_finished, f"utilization and forecasts {share:>3} %, reports {done} of {len(rows)}"


def _reported(world: World, filing: Filing, status: ReportStatus) -> EprReport | None:
    """The report that a filing of the plan is about, if it has come as far as `status` and no further."""
    rows = EprReport.objects.filter(
        scheme__code=filing.scheme, producer=world.organizations[filing.producer], supersedes__isnull=True,
        period_start=date(world.now.year - 1, 1, 1), status=status,
    )  # fmt: skip
    if filing.place:
        rows = rows.filter(jurisdiction=filing.place)
    return rows.first()


def _regulator(world: World, report: EprReport) -> Actor:
    return world.actors["regulator-ca" if report.jurisdiction_id.startswith("CA") else "regulator"]
