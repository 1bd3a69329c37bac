from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from collection.models import Element, Facility
from recycling.models.batches import Batch, BatchPartQuerySet
from recycling.models.reports import CHAIN_LENGTH, EprReport, ReportPartQuerySet, frozen_with_report

#: Stands for the whole mass where an element could stand.
WHOLE = ""

#: Elements, and the whole.
ELEMENTS_AND_WHOLE = [(WHOLE, _("the whole mass")), *Element.choices]


class Became(models.TextChoices):
    """What became of what was charged, by Delegated Regulation (EU) 2025/606, Annex, 1(3) to 1(5) and 3(2). All of them add
    up to what was charged.
    """

    SUBSTITUTES = "substitutes", _("recovered; can replace primary material")
    CONVERTED = "converted", _("recovered; counts for efficiency alone")
    SECOND_LIFE = "second_life", _("cells and modules used again")
    LANDFILLED = "landfilled", _("disposed of, landfilled or backfilled")
    ENERGY = "energy", _("fuel or energy")
    PASSED_ON = "passed_on", _("left the trace as an intermediate or as waste")
    PENDING = "pending", _("pending")
    LOST = "lost", _("lost, or not accounted for")


#: What counts for recycling efficiency (Annex, 1(4)).
RECOVERED = (Became.SUBSTITUTES, Became.CONVERTED)


def _kind() -> models.CharField[str, str]:
    return models.CharField(_("became"), max_length=11, choices=Became.choices)


def _share() -> models.DecimalField[Decimal, Decimal]:
    return models.DecimalField(_("share"), max_digits=30, decimal_places=18)


def _element() -> models.CharField[str, str]:
    return models.CharField(_("element"), max_length=8, choices=ELEMENTS_AND_WHOLE, blank=True)


class Outcome(models.Model):
    """What share of an element (or of the whole mass) charged into a batch became what, and where, through all the stages
    that follow; parts of elements apart (`annex.apart`).

    The shares of one batch and element add up to 1. `facility` is where it was last processed, `country` where that is, or
    where it lies or was sent to if it goes on. Lost is what is left: less than nothing where more came out than was known to go in.
    """

    batch = models.ForeignKey(
        Batch, on_delete=models.CASCADE, related_name="outcomes", db_index=False, verbose_name=_("batch")
    )
    element = _element()
    became = _kind()
    facility = models.ForeignKey(
        Facility, on_delete=models.CASCADE, related_name="+", db_index=False, verbose_name=_("facility")
    )
    country = models.CharField(_("country"), max_length=2, blank=True, help_text=_("Empty: not known."))
    share = _share()

    objects = BatchPartQuerySet["Outcome"].as_manager()

    class Meta:
        ordering = ("batch", "element", "became", "facility", "country")
        verbose_name = _("outcome")
        verbose_name_plural = _("outcomes")
        constraints = (
            models.UniqueConstraint(fields=["batch", "element", "became", "facility", "country"], name="outcome_once"),
            models.CheckConstraint(condition=Q(became__in=Became.values), name="outcome_known"),
            models.CheckConstraint(condition=~Q(share=0), name="outcome_is_some"),
        )

    def __str__(self) -> str:
        return f"{self.batch_id} {self.element} {self.became}"


class EprOutcome(models.Model):
    """The outcomes that a report was computed with, as they were then."""

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="outcomes", db_index=False, verbose_name=_("report")
    )
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+", verbose_name=_("batch"))
    element = _element()
    became = _kind()
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="+", verbose_name=_("facility"))
    country = models.CharField(_("country"), max_length=2, blank=True)
    share = _share()

    objects = ReportPartQuerySet["EprOutcome"].as_manager()

    class Meta:
        ordering = ("report", "batch", "element", "became", "facility", "country")
        verbose_name = _("outcome of a report")
        verbose_name_plural = _("outcomes of a report")
        constraints = (
            models.UniqueConstraint(
                fields=["report", "batch", "element", "became", "facility", "country"], name="epr_outcome_once"
            ),
        )
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id} {self.batch_id} {self.element} {self.became}"


class EprBatch(models.Model):
    """A batch that batteries of a report were charged into: what of it decides how their figures are computed and read."""

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="batches", db_index=False, verbose_name=_("report")
    )
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+", verbose_name=_("batch"))
    chain = models.CharField(
        _("chain"),
        max_length=CHAIN_LENGTH,
        help_text=_("Its stage, then those that what came of it went through since."),
    )
    elements_taken = models.CharField(
        _("optional elements taken into account"),
        max_length=40,
        blank=True,
        help_text=_("By those that recycle first, in the year of the report; of several, what all of them take."),
    )
    analysis = models.CharField(
        _("analysis of the input"),
        max_length=9,
        blank=True,
        help_text=_("“measured” or “estimated”, where there is one."),
    )
    moisture = models.DecimalField(_("water"), max_digits=5, decimal_places=4, default=0)
    unknown_share = models.DecimalField(
        _("of unknown content"),
        max_digits=9,
        decimal_places=8,
        help_text=_(
            "Share of all that was charged, here and at later stages; what came out is shared with it by mass."
        ),
    )
    pure_share = models.DecimalField(
        _("assumed pure"),
        max_digits=9,
        decimal_places=8,
        help_text=_("Share of what came out, here and at later stages, that has no assay and is assumed pure."),
    )

    objects = ReportPartQuerySet["EprBatch"].as_manager()

    class Meta:
        ordering = ("report", "batch")
        verbose_name = _("batch of a report")
        verbose_name_plural = _("batches of a report")
        constraints = (models.UniqueConstraint(fields=["report", "batch"], name="epr_batch_once"),)
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id} {self.batch_id}"


class EprInputShare(models.Model):
    """What the analysis of a batch's input says that its batteries consist of, as it was then; parts apart."""

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="input_shares", db_index=False, verbose_name=_("report")
    )
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+", verbose_name=_("batch"))
    element = models.CharField(_("element"), max_length=8, choices=Element.choices)
    fraction = models.DecimalField(_("mass fraction"), max_digits=9, decimal_places=8)

    objects = ReportPartQuerySet["EprInputShare"].as_manager()

    class Meta:
        ordering = ("report", "batch", "element")
        verbose_name = _("element of an input of a report")
        verbose_name_plural = _("elements of an input of a report")
        constraints = (models.UniqueConstraint(fields=["report", "batch", "element"], name="epr_input_share_once"),)
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id} {self.batch_id} {self.element}"
