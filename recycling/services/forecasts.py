"""Forecasting what comes back: asked for by a person, carried out by a worker, kept with what it was computed from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.db import OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import pending
from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid
from accounts.models import Function, Organization
from accounts.verbs import verb
from recycling.models import (
    FEWEST_PRODUCERS,
    FORECAST_MOVES,
    Distribution,
    ForecastStatus,
    Inputs,
    MarketStatistic,
    ReturnForecast,
    ReturnForecastLine,
    VehicleKind,
)
from recycling.queries.cohorts import Cohort, cohorts
from recycling.queries.lifetimes import Lifetimes, lifetimes

#: The years that may be asked for, and how many at once.
EARLIEST, LATEST, LONGEST = 1990, 2100, 60

#: After what silence a forecast is taken from its worker.
SILENCE = timedelta(seconds=60)

#: Kinds that live as long as `large_mean_years` says.
LARGE = (VehicleKind.BUS, VehicleKind.MEDIUM_TRUCK, VehicleKind.HEAVY_TRUCK)

_THOUSANDTH, _SHARE = Decimal("0.001"), Decimal("0.000001")

log = structlog.get_logger(__name__)


def _asks_for_figures(actor: Actor, record: object) -> None:
    """The role operator in a recycler, a collector or a regulator."""
    functions = (Function.RECYCLER, Function.COLLECTOR, Function.REGULATOR)
    mine = [membership.organization for membership in actor.memberships]
    if not actor.user.is_superuser and not any(actor.may(*mine, function=function) for function in functions):
        raise Forbidden(_("This needs the role operator in a recycler, a collector or a regulator."))


@verb(requires=_asks_for_figures)
def request(
    *,
    actor: Actor,
    first_year: int,
    last_year: int,
    inputs: str = Inputs.PLACEMENTS,
    authority: Organization | None = None,
    distribution: str = Distribution.NORMAL,
    mean_years: Decimal = Decimal(15),
    large_mean_years: Decimal = Decimal(8),
    sd_years: Decimal = Decimal(4),
    band_years: Decimal = Decimal(2),
) -> ReturnForecast:
    """Ask for what comes back from `first_year` to `last_year`, by a distribution of lifetimes. An equal forecast that still
    waits is returned.

    The means and the deviation that are there if nothing is said are those of a published model; the band is the difference
    between its lifetimes of batteries (15 years) and of vehicles (17). `authority` is whose market statistics it starts from, and
    only for these. Operators of recyclers, collectors and regulators may.
    """
    if inputs not in Inputs.values:
        raise Invalid(_("“%(value)s” is nothing to forecast from.") % {"value": inputs}, field="inputs")
    if inputs == Inputs.STATISTICS:
        if authority is None or not MarketStatistic.objects.filter(authority=authority).exists():
            raise Invalid(_("Give an authority whose market statistics are here."), field="authority")
    elif authority is not None:
        raise Invalid(_("Only a forecast from market statistics names an authority."), field="authority")
    if distribution not in Distribution.values:
        raise Invalid(_("“%(value)s” is no distribution.") % {"value": distribution}, field="distribution")
    if not EARLIEST <= first_year <= LATEST:
        raise Invalid(
            _("Give a year from %(first)s to %(last)s.") % {"first": EARLIEST, "last": LATEST}, field="first_year"
        )
    if not first_year <= last_year <= LATEST or last_year - first_year >= LONGEST:
        raise Invalid(_("Give at most %(most)s years, in order.") % {"most": LONGEST}, field="last_year")
    _check_years(sd_years, "sd_years", least=Decimal("0.1"))
    _check_years(band_years, "band_years", least=Decimal(0))
    for name, mean in (("mean_years", mean_years), ("large_mean_years", large_mean_years)):
        _check_years(mean, name, least=Decimal(1))
        if mean <= band_years:
            raise Invalid(_("The band is wider than the lifetime."), field="band_years")
    asked = {
        "inputs": inputs, "authority": authority, "distribution": distribution, "mean_years": mean_years,
        "large_mean_years": large_mean_years, "sd_years": sd_years, "band_years": band_years,
        "first_year": first_year, "last_year": last_year,
    }  # fmt: skip
    waiting = ReturnForecast.objects.filter(**asked, status=ForecastStatus.QUEUED).first()
    return waiting or ReturnForecast.objects.create(**asked, requested_by=actor.user, heartbeat_at=timezone.now())


def _check_years(value: Decimal, field: str, *, least: Decimal) -> None:
    if not value.is_finite() or not least <= value <= 60 or value != round(value, 2):
        raise Invalid(_("Give %(least)s to 60 years, in hundredths.") % {"least": least}, field=field)


def lock(forecast: ReturnForecast) -> ReturnForecast:
    """The forecast as it is now, locked."""
    return ReturnForecast.objects.select_for_update().get(pk=forecast.pk)


def _by_who_asked(actor: Actor, record: ReturnForecast) -> None:
    """Whoever asked for the forecast, or the platform."""
    if not actor.user.is_superuser and record.requested_by_id != actor.user.pk:
        raise Forbidden(_("Only who asked for it may."))


@verb(lock, requires=_by_who_asked, to=ForecastStatus.CANCELLED, moves=FORECAST_MOVES)
def cancel(*, actor: Actor, forecast: ReturnForecast) -> ReturnForecast:
    """Give up a forecast that is not over. A worker that has it stops within seconds."""
    forecast.status, forecast.finished_at = ForecastStatus.CANCELLED, timezone.now()
    forecast.message = _("Cancelled by %(name)s.") % {"name": actor.user}
    forecast.save(update_fields=["status", "finished_at", "message"])
    return forecast


def run(forecast_id: int | None = None) -> bool | None:
    """Carry out a queued forecast: that one, or the next. `False` if it was not finished, `None` if there was none.

    Safe to be killed anywhere: the lines and the end are written in one transaction.
    """
    claimed = _claim(forecast_id)
    if claimed is None:
        return None
    ours = pending.ours(claimed)
    try:
        with pending.Pulse(ours) as pulse:
            found = [cohort for cohort in cohorts(claimed) if cohort.year <= claimed.last_year]
            pulse.tell(progress=20)
            lines = _lines(claimed, found)
            pulse.tell(progress=80)
            if pulse.is_over:
                return False
            pulse.stop()
            return _finish(ours, claimed, found, lines)
    except OperationalError as error:  # a deadlock, cancelled, or the database went away
        log.warning("forecast_interrupted", forecast=claimed.pk, error=str(error))
        ours.update(status=ForecastStatus.QUEUED, message=_("Interrupted; will be computed again."))
        return False
    except Exception as error:
        log.exception("forecast_failed", forecast=claimed.pk)
        message = _("The computation failed (%(error)s).") % {"error": type(error).__name__}
        ours.update(status=ForecastStatus.FAILED, message=message, finished_at=timezone.now())
        return False


@transaction.atomic
def _claim(forecast_id: int | None) -> ReturnForecast | None:
    waiting = ReturnForecast.objects.filter(status=ForecastStatus.QUEUED)
    return pending.claim(
        pending.next_of(waiting, forecast_id, of="requested_by", working=ForecastStatus.RUNNING),
        status=ForecastStatus.RUNNING,
        heartbeat_at=timezone.now(),
        progress=0,
        message="",
    )


@transaction.atomic
def _finish(ours: Any, claimed: ReturnForecast, found: Sequence[Cohort], lines: list[ReturnForecastLine]) -> bool:
    is_told = claimed.inputs != Inputs.PLACEMENTS or len(set().union(*(c.producers for c in found))) >= FEWEST_PRODUCERS
    is_ours = ours.update(
        status=ForecastStatus.DONE,
        progress=100,
        finished_at=timezone.now(),
        input_rows=len(found),
        input_units=int(sum(cohort.units for cohort in found)) if is_told else None,
        inputs_sha256=digest(found) if is_told else "",
    )
    if is_ours:
        ReturnForecastLine.objects.bulk_create(lines, batch_size=2000)
    return bool(is_ours)


def digest(found: Iterable[Cohort]) -> str:
    """SHA-256 of what a forecast starts from: a line of JSON for each cohort, in order, each with a line feed."""
    hashed = hashlib.sha256()
    for cohort in found:
        hashed.update(json.dumps(cohort.told(), separators=(",", ":")).encode() + b"\n")
    return hashed.hexdigest()


@dataclass
class _Sum:
    """What comes back of one place and kind in a year: units and kilograms for long, middle and short lives."""

    units: list[Decimal]
    kg: list[Decimal]
    assumed: Decimal = Decimal(0)
    unknown: Decimal = Decimal(0)
    producers: set[int] = field(default_factory=set)


def _lines(forecast: ReturnForecast, found: Iterable[Cohort]) -> list[ReturnForecastLine]:
    """Each cohort's units, spread over the years in which it comes back, and added up by place, kind and year."""
    sums: dict[tuple[str, str, bool, int], _Sum] = {}
    by_size = {is_large: _bands(forecast, is_large=is_large) for is_large in (False, True)}
    for cohort in found:
        key = (cohort.jurisdiction, cohort.kind, cohort.is_simulated)
        bands = by_size[cohort.kind in LARGE]
        for year in range(max(forecast.first_year, cohort.year), forecast.last_year + 1):
            shares = [Decimal(repr(band.share_in(year - cohort.year))) for band in bands]
            row = sums.setdefault((*key, year), _Sum([Decimal(0)] * 3, [Decimal(0)] * 3))
            row.producers |= cohort.producers
            row.units = [units + cohort.units * share for units, share in zip(row.units, shares, strict=True)]
            if cohort.kg is not None:
                row.kg = [kg + cohort.kg * share for kg, share in zip(row.kg, shares, strict=True)]
            row.assumed += cohort.assumed_units * shares[1]
            row.unknown += cohort.unknown_units * shares[1]
    return [
        _line(forecast, *key, row, len(row.producers) if forecast.inputs == Inputs.PLACEMENTS else None)
        for key, row in sums.items()
    ]


def _bands(forecast: ReturnForecast, *, is_large: bool) -> list[Lifetimes]:
    """Long, middle and short lives."""
    mean = forecast.large_mean_years if is_large else forecast.mean_years
    return [
        lifetimes(forecast.distribution, float(mean + by), float(forecast.sd_years))
        for by in (forecast.band_years, 0, -forecast.band_years)
    ]


def _line(
    forecast: ReturnForecast,
    jurisdiction: str,
    kind: str,
    is_simulated: bool,
    year: int,
    row: _Sum,
    producers: int | None,
) -> ReturnForecastLine:
    units = [value.quantize(_THOUSANDTH) for value in row.units]
    kg = [value.quantize(_THOUSANDTH) if value else None for value in row.kg]
    whole = row.units[1]
    assumed, unknown = ((part / whole).quantize(_SHARE) if whole else Decimal(0) for part in (row.assumed, row.unknown))
    return ReturnForecastLine(
        forecast=forecast, jurisdiction_id=jurisdiction, kind=kind, year=year, is_simulated=is_simulated,
        producers=producers, units_long=units[0], units=units[1], units_short=units[2], kg_long=kg[0], kg=kg[1],
        kg_short=kg[2], assumed_share=min(assumed, 1 - unknown), unknown_share=unknown,
    )  # fmt: skip


def is_any_waiting() -> bool:
    """Whether there is a forecast for the next worker."""
    return ReturnForecast.objects.filter(status=ForecastStatus.QUEUED).exists()


def take_up_silent(*, silence: timedelta = SILENCE, only: int | None = None) -> list[int]:
    """Queue again the forecasts (`only` that one) that nobody has worked on for `silence`. Returns their ids, to be sent."""
    return pending.take_up(
        ReturnForecast.objects.all() if only is None else ReturnForecast.objects.filter(pk=only),
        waiting=ForecastStatus.QUEUED,
        working=ForecastStatus.RUNNING,
        silence=silence,
    )
