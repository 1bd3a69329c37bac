"""What is to come back: computed from what was placed on the market, by a distribution of lifetimes."""

from __future__ import annotations

from decimal import Decimal

import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Viewer
from collection.models import Confidence, Jurisdiction
from collection.models.chemistries import ReferenceQuerySet


class VehicleKind(models.TextChoices):
    """Kinds of electric vehicles, as far as a source tells them apart."""

    CAR = "car", _("car")
    VAN = "van", _("van")
    BUS = "bus", _("bus")
    MEDIUM_TRUCK = "medium_truck", _("medium truck")
    HEAVY_TRUCK = "heavy_truck", _("heavy truck")
    UNKNOWN = "unknown", _("not known")


class VehicleSales(models.Model):
    """How many electric vehicles of a kind were, or by a model will be, sold in a country in a year, and what their packs
    hold. A source's figures, nobody's declaration: they belong to no producer's duty.
    """

    class Scenario(models.TextChoices):
        MOMENTUM = "momentum", _("momentum")
        AMBITIOUS = "ambitious", _("ambitious")

    jurisdiction = models.ForeignKey(
        Jurisdiction, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("country")
    )
    kind = models.CharField(_("vehicle kind"), max_length=12, choices=VehicleKind.choices)
    year = models.PositiveSmallIntegerField(_("year"))
    scenario = models.CharField(_("scenario"), max_length=9, choices=Scenario.choices)
    units = models.PositiveIntegerField(_("units"))
    kwh_per_vehicle = models.DecimalField(
        _("energy of a pack (kWh)"),
        max_digits=7,
        decimal_places=3,
        null=True,
        blank=True,
        help_text=_("Empty: not known."),
    )
    kwh_per_kg = models.DecimalField(
        _("energy density of a pack (kWh per kg)"), max_digits=6, decimal_places=5, null=True, blank=True
    )
    is_modeled = models.BooleanField(_("modeled"), help_text=_("By the source's model, not counted."))
    source = models.CharField(_("source"), max_length=300)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices)

    objects = ReferenceQuerySet["VehicleSales"].as_manager()

    class Meta:
        ordering = ("jurisdiction", "kind", "scenario", "year")
        verbose_name = _("vehicle sales")
        verbose_name_plural = _("vehicle sales")
        constraints = (
            models.UniqueConstraint(fields=["jurisdiction", "kind", "scenario", "year"], name="vehicle_sales_once"),
            models.CheckConstraint(
                condition=(Q(kwh_per_vehicle__isnull=True) | Q(kwh_per_vehicle__gt=0))
                & (Q(kwh_per_kg__isnull=True) | Q(kwh_per_kg__gt=0)),
                name="vehicle_sales_positive",
            ),
        )

    def __str__(self) -> str:
        return f"{self.jurisdiction_id} {self.get_kind_display()} {self.year}"

    @property
    def pack_kg(self) -> Decimal | None:
        """The mass of a pack: its energy / its density."""
        if self.kwh_per_vehicle is None or self.kwh_per_kg is None:
            return None
        return (self.kwh_per_vehicle / self.kwh_per_kg).quantize(Decimal("0.001"))


class ForecastStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


#: Every legal move of a forecast's status; the database trigger is made from this list.
FORECAST_MOVES: list[tuple[str, str]] = [
    (ForecastStatus.QUEUED, ForecastStatus.RUNNING),
    (ForecastStatus.RUNNING, ForecastStatus.QUEUED),
    (ForecastStatus.RUNNING, ForecastStatus.DONE),
    (ForecastStatus.RUNNING, ForecastStatus.FAILED),
    (ForecastStatus.QUEUED, ForecastStatus.CANCELLED),
    (ForecastStatus.RUNNING, ForecastStatus.CANCELLED),
]


class Inputs(models.TextChoices):
    """What a forecast starts from. All describe the same vehicles, so they are never added."""

    PLACEMENTS = "placements", _("market placements, as declared")
    STATISTICS = "statistics", _("market statistics of an authority")
    MOMENTUM = "momentum", _("vehicle sales by a source, scenario momentum")
    AMBITIOUS = "ambitious", _("vehicle sales by a source, scenario ambitious")


class Distribution(models.TextChoices):
    NORMAL = "normal", _("normal")
    WEIBULL = "weibull", _("Weibull")


def _years(name: object, default: str, least: str, help_text: object = "") -> models.DecimalField[Decimal, Decimal]:
    return models.DecimalField(
        name,  # type: ignore[arg-type]
        max_digits=5,
        decimal_places=2,
        default=Decimal(default),
        validators=[MinValueValidator(Decimal(least)), MaxValueValidator(60)],
        help_text=help_text,  # type: ignore[arg-type]
    )


class ReturnForecastQuerySet(models.QuerySet["ReturnForecast"]):
    def visible_to(self, user: Viewer) -> ReturnForecastQuerySet:
        """Every logged-in user: what a run was computed from and with. Its figures: `ReturnForecastLine`."""
        return self if user.is_authenticated else self.none()


class ReturnForecast(models.Model):
    """A computation of what comes back that was asked for: its parameters, its progress, what it was computed from.

    A vehicle of the year y that lives for T years gives its battery up at y + 1/2 + T. The middle of the band is for
    lifetimes of `mean_years`; its ends for lives `band_years` longer and shorter. Whether the battery is then recycled,
    reused or exported is not forecast.
    """

    inputs = models.CharField(_("computed from"), max_length=10, choices=Inputs.choices, default=Inputs.PLACEMENTS)
    authority = models.ForeignKey(
        "accounts.Organization",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("authority"),
        help_text=_("Whose market statistics it is computed from."),
    )
    distribution = models.CharField(
        _("distribution of lifetimes"), max_length=7, choices=Distribution.choices, default=Distribution.NORMAL
    )
    mean_years = _years(_("mean lifetime, light vehicles (years)"), "15", "1")
    large_mean_years = _years(_("mean lifetime, buses and trucks (years)"), "8", "1")
    sd_years = _years(_("standard deviation (years)"), "4", "0.1")
    band_years = _years(
        _("band (years)"), "2", "0", _("By how much lives are taken longer and shorter for the ends of the band.")
    )
    first_year = models.PositiveSmallIntegerField(_("first year"))
    last_year = models.PositiveSmallIntegerField(_("last year"))
    status = models.CharField(
        _("status"), max_length=9, choices=ForecastStatus.choices, default=ForecastStatus.QUEUED, editable=False
    )
    progress = models.PositiveSmallIntegerField(_("progress (%)"), default=0, editable=False)
    message = models.TextField(_("message"), blank=True, editable=False)
    input_rows = models.PositiveIntegerField(_("rows computed from"), null=True, editable=False)
    input_units = models.PositiveBigIntegerField(
        _("units computed from"),
        null=True,
        editable=False,
        help_text=_("Empty where it rests on declarations of fewer than three producers; so is the hash."),
    )
    inputs_sha256 = models.CharField(_("hash of what it was computed from"), max_length=64, blank=True, editable=False)
    requested_by = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, related_name="+", verbose_name=_("requested by")
    )
    requested_at = models.DateTimeField(_("requested at"), auto_now_add=True)
    claimed_at = models.DateTimeField(_("taken up at"), null=True, editable=False)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, editable=False)

    objects = ReturnForecastQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("return forecast")
        verbose_name_plural = _("return forecasts")
        constraints = (
            models.CheckConstraint(
                condition=Q(last_year__gte=models.F("first_year")), name="return_forecast_is_a_period"
            ),
            models.CheckConstraint(
                condition=Q(
                    sd_years__gt=0, mean_years__gt=models.F("band_years"), large_mean_years__gt=models.F("band_years")
                )
                & Q(band_years__gte=0),
                name="return_forecast_lives",
            ),
            models.CheckConstraint(
                condition=~Q(status="done")
                | Q(input_rows__isnull=False)
                & (~Q(inputs_sha256="") | Q(inputs="placements", input_units__isnull=True)),
                name="return_forecast_says_from_what",
            ),
            models.CheckConstraint(
                condition=Q(inputs="statistics", authority__isnull=False)
                | ~Q(inputs="statistics") & Q(authority__isnull=True),
                name="return_forecast_names_authority",
            ),
        )
        triggers = (
            pgtrigger.FSM(name="status_moves", field="status", transitions=FORECAST_MOVES),
            pgtrigger.Trigger(
                name="done_is_done",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status="done"),
                func="""
                    RAISE EXCEPTION 'a forecast that was computed stays as it is'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'return_forecast_stays';
                """,
            ),
        )

    def __str__(self) -> str:
        inputs = self.get_inputs_display() if self.authority is None else str(self.authority)
        return f"{self.first_year} – {self.last_year}, {inputs}"


#: Declared figures of fewer producers would tell what one of them declared.
FEWEST_PRODUCERS = 3


class ReturnForecastLineQuerySet(models.QuerySet["ReturnForecastLine"]):
    def visible_to(self, user: Viewer) -> ReturnForecastLineQuerySet:
        """What rests on a public source, or on enough producers; all of it for the regulators of the place."""
        if user.is_superuser:
            return self
        if not user.is_authenticated:
            return self.none()
        return self.filter(
            Q(producers__isnull=True)
            | Q(producers__gte=FEWEST_PRODUCERS)
            | Q(jurisdiction__in=Jurisdiction.objects.overseen_by(user))
        )


class ReturnForecastLine(models.Model):
    """How many batteries placed in a jurisdiction come back in a year: for long, middle and short lives.

    Simulated placements make lines of their own. Kilograms are of the units whose mass is known or taken from an average
    (`assumed_share` of the units); empty where there is none.
    """

    forecast = models.ForeignKey(
        ReturnForecast, on_delete=models.CASCADE, related_name="lines", db_index=False, verbose_name=_("forecast")
    )
    jurisdiction = models.ForeignKey(
        Jurisdiction,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("placed on the market in"),
    )
    kind = models.CharField(_("vehicle kind"), max_length=12, choices=VehicleKind.choices)
    year = models.PositiveSmallIntegerField(_("year"))
    is_simulated = models.BooleanField(_("simulated"), default=False)
    producers = models.PositiveIntegerField(
        _("producers"), null=True, help_text=_("Whose declarations it rests on. Empty: on a source's figures.")
    )
    units_long = models.DecimalField(_("units, long lives"), max_digits=14, decimal_places=3)
    units = models.DecimalField(_("units"), max_digits=14, decimal_places=3)
    units_short = models.DecimalField(_("units, short lives"), max_digits=14, decimal_places=3)
    kg_long = models.DecimalField(_("mass, long lives (kg)"), max_digits=18, decimal_places=3, null=True)
    kg = models.DecimalField(_("mass (kg)"), max_digits=18, decimal_places=3, null=True)
    kg_short = models.DecimalField(_("mass, short lives (kg)"), max_digits=18, decimal_places=3, null=True)
    assumed_share = models.DecimalField(
        _("share of units of assumed mass"), max_digits=7, decimal_places=6, default=Decimal(0)
    )
    unknown_share = models.DecimalField(
        _("share of units without a mass"), max_digits=7, decimal_places=6, default=Decimal(0)
    )

    objects = ReturnForecastLineQuerySet.as_manager()

    class Meta:
        ordering = ("forecast", "jurisdiction", "year", "kind")
        verbose_name = _("line of a return forecast")
        verbose_name_plural = _("lines of return forecasts")
        constraints = (
            models.UniqueConstraint(
                fields=["forecast", "jurisdiction", "year", "kind", "is_simulated"], name="return_forecast_line_once"
            ),
            models.CheckConstraint(
                condition=Q(units__gte=0, units_long__gte=0, units_short__gte=0),
                name="return_forecast_line_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(assumed_share__gte=0, unknown_share__gte=0)
                & Q(assumed_share__lte=1 - models.F("unknown_share")),
                name="return_forecast_line_shares",
            ),
        )

    def __str__(self) -> str:
        return f"{self.jurisdiction_id} {self.year}"
