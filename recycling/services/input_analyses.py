"""What the batteries charged into a batch consist of, and how that was determined."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.verbs import verb
from collection.services.assays import Fractions, check_fractions, check_moisture
from recycling.models import Batch, BatchStatus, InputAnalysis, InputShare
from recycling.services.batches import lock


@verb(lock, of="batch__line__plant__facility__operator", when=[BatchStatus.OPEN, BatchStatus.CLOSED])
def determine(
    *,
    actor: Actor,
    batch: Batch,
    method: str,
    analyzed_on: date,
    fractions: Fractions,
    is_measured: bool = False,
    moisture: Decimal = Decimal(0),
    laboratory: str = "",
    note: str = "",
) -> Batch:
    """Say how it was determined what the batteries of a batch consist of, with the mass fractions of their dry mass. What was
    said before is replaced, and kept in the history.

    It is what a recycler's documentation is computed from; nothing of the trace or of what was filed changes.
    """
    if method not in InputAnalysis.Method.values:
        raise Invalid(_("“%(value)s” is no method.") % {"value": method}, field="method")
    if not batch.charges.filter(battery__isnull=False).exists():
        raise Refused(_("No battery was charged into it."), field="batch", code="no_batteries")
    if analyzed_on > timezone.now().date():
        raise Invalid(_("This day is still to come."), field="analyzed_on")
    laboratory = rules.text(laboratory, field="laboratory", longest=200, shortest=0)
    if method == InputAnalysis.Method.SAMPLING and not laboratory:
        raise Invalid(_("Name the laboratory."), field="laboratory", code="required")
    if not fractions:
        raise Invalid(_("Give the mass fractions."), field="fractions", code="required")
    check_moisture(moisture)
    said = {
        "method": method, "laboratory": laboratory, "analyzed_on": analyzed_on, "is_measured": is_measured,
        "moisture": moisture, "note": rules.text(note, field="note", longest=rules.LONGEST_REASON, shortest=0),
    }  # fmt: skip
    checked = check_fractions(fractions)
    analysis, _is_new = InputAnalysis.objects.update_or_create(batch=batch, defaults=said)
    analysis.shares.all().delete()
    InputShare.objects.bulk_create(
        InputShare(analysis=analysis, element=element, fraction=fraction)
        for element, fraction in sorted(checked.items())
    )
    return batch
