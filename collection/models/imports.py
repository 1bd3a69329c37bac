from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Function, Organization, PartQuerySet, Viewer, organizations_of
from collection.models.records import RecordQuerySet


class ImportStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    REFUSED = "refused", _("refused: rows with errors")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


#: Every legal move of an import's status; the database trigger is made from this list.
IMPORT_MOVES: list[tuple[str, str]] = [
    (ImportStatus.QUEUED, ImportStatus.RUNNING),
    (ImportStatus.QUEUED, ImportStatus.CANCELLED),
    (ImportStatus.RUNNING, ImportStatus.QUEUED),
    (ImportStatus.RUNNING, ImportStatus.DONE),
    (ImportStatus.RUNNING, ImportStatus.REFUSED),
    (ImportStatus.RUNNING, ImportStatus.FAILED),
    (ImportStatus.RUNNING, ImportStatus.CANCELLED),
]


class ImportRunQuerySet(RecordQuerySet["ImportRun"]):
    whose: ClassVar = {"organizations": ("organization",)}

    def visible_to(self, user: Viewer) -> ImportRunQuerySet:
        """The organization in whose name it runs."""
        return self if user.is_superuser else self.seen_by(user, Q(organization__in=organizations_of(user)))


class ImportRun(models.Model):
    """One file being imported: the pending work, its progress, and what came of it. All or nothing, unless asked to
    skip the rows with errors.
    """

    class Kind(models.TextChoices):
        COLLECTION_POINTS = "collection_points", _("collection points")
        BATTERIES = "batteries", _("batteries")
        MARKET_PLACEMENTS = "market_placements", _("market placements")
        MARKET_STATISTICS = "market_statistics", _("market statistics")
        INTAKE_WEIGHINGS = "intake_weighings", _("intake weighings")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="imports", verbose_name=_("organization")
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="imports", verbose_name=_("requested by")
    )
    filename = models.CharField(_("file"), max_length=200)
    has_file = models.BooleanField(
        _("its file is here"),
        default=False,
        db_default=False,
        editable=False,
        help_text=_("From when it was sent until the import is over; what the command line reads never is."),
    )
    sha256 = models.CharField(_("SHA-256"), max_length=64, editable=False)
    skip_bad_rows = models.BooleanField(_("import the good rows even if some are bad"), default=False)
    status = models.CharField(
        _("status"), max_length=9, choices=ImportStatus.choices, default=ImportStatus.QUEUED, editable=False
    )
    rows_read = models.PositiveIntegerField(_("rows read"), default=0, editable=False)
    rows_total = models.PositiveIntegerField(_("rows expected"), null=True, editable=False)
    rows_created = models.PositiveIntegerField(_("created"), default=0, editable=False)
    rows_unchanged = models.PositiveIntegerField(_("unchanged"), default=0, editable=False)
    rows_bad = models.PositiveIntegerField(_("bad"), default=0, editable=False)
    message = models.TextField(_("message"), blank=True, editable=False)
    requested_at = models.DateTimeField(_("requested at"), auto_now_add=True)
    claimed_at = models.DateTimeField(_("taken up at"), null=True, editable=False)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, editable=False)

    objects = ImportRunQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        constraints = (models.CheckConstraint(condition=~Q(filename=""), name="import_run_names_its_file"),)
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=IMPORT_MOVES),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.filename}"


class ImportPartQuerySet(PartQuerySet["ImportPart"]):
    whole = "run"


class ImportPart(models.Model):
    """A piece of the file of an import that is not over. All but the last are of one size.

    A file is sent to a web server and read by a worker, which may be elsewhere; in pieces, so that neither ever holds all of
    it. They go as the import ends.
    """

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="parts", verbose_name=_("import"))
    number = models.PositiveIntegerField(_("number"))
    content = models.BinaryField(_("content"))

    objects = ImportPartQuerySet.as_manager()

    class Meta:
        verbose_name = _("part of a file")
        verbose_name_plural = _("parts of files")
        constraints = (models.UniqueConstraint(fields=["run", "number"], name="import_part_once"),)

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number}"


#: Which functions of an organization let a kind be imported in its name. A regulator's part is to read.
IMPORTING_FUNCTIONS: dict[str, frozenset[Function]] = {
    ImportRun.Kind.COLLECTION_POINTS: frozenset(Function) - {Function.REGULATOR},
    ImportRun.Kind.BATTERIES: frozenset(Function) - {Function.REGULATOR},
    ImportRun.Kind.MARKET_PLACEMENTS: frozenset({Function.PRODUCER}),
    ImportRun.Kind.INTAKE_WEIGHINGS: frozenset({Function.RECYCLER}),
    ImportRun.Kind.MARKET_STATISTICS: frozenset(),  # of an authority: the platform, by its commands
}


class ImportErrorQuerySet(PartQuerySet["ImportRowError"]):
    whole = "run"


class ImportRowError(models.Model):
    """What is wrong with one row of an imported file."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="errors", verbose_name=_("import"))
    line = models.PositiveIntegerField(_("line"))
    field = models.CharField(_("field"), max_length=60, blank=True)
    message = models.CharField(_("message"), max_length=300)
    value = models.CharField(_("value"), max_length=200, blank=True)

    objects = ImportErrorQuerySet.as_manager()

    class Meta:
        ordering = ("run", "line", "pk")
        verbose_name = _("row error")
        verbose_name_plural = _("row errors")

    def __str__(self) -> str:
        return f"{self.line}: {self.message}"
