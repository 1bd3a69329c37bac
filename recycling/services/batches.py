"""A batch from its opening to its mass balance. What goes in is `charges`, what comes out is `outputs`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Function, Organization, Role
from accounts.verbs import verb
from collection.services import custody
from collection.services.lots import require_in_stock
from recycling.models import BATCH_MOVES, Batch, BatchStatus, Output, ProcessLine
from recycling.queries.balance import Balance, balance_of
from recycling.queries.contents import NOT_THERE

#: An output that contains more than this many times what the inputs are known to contain is no assay tolerance and
#: needs no explanation: contents or assay are wrong. It keeps factors within what is stored of them.
MOST_EXCESS = 1000

#: What closing writes down, and reopening takes back.
_ENDED = ["status", "closed_at", "reason", "explanation", "explained_by"]


def lock(batch: Batch) -> Batch:
    """The batch as it is now, locked."""
    (locked,) = lock_many([batch.pk])
    return locked


def lock_many(ids: Iterable[int]) -> list[Batch]:
    """Batches as they are now, locked in the order of their ids.

    After batteries and lots, never before them: whoever changes a lot locks it first, and the triggers of
    `recycling.models.seals` then lock its batches. In any other order two commands would wait for each other.
    """
    rows = Batch.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=set(ids)).order_by("pk")
    return list(rows.select_related("line__plant__facility__operator"))


@verb(of="line__plant__facility__operator", function=Function.RECYCLER)
def open_batch(
    *, actor: Actor, line: ProcessLine, number: str, started_at: datetime, is_simulated: bool = False
) -> Batch:
    """Open a batch on a line that is in use."""
    line = ProcessLine.objects.select_related("plant__facility__operator").get(pk=line.pk)
    custody.check_time(started_at, field="started_at")
    number = rules.number(number, field="number")
    if not line.is_active:
        raise Refused(_("The line is out of use."), field="line", code="inactive")
    try:
        with transaction.atomic():
            batch = Batch.objects.create(line=line, number=number, started_at=started_at, is_simulated=is_simulated)
    except IntegrityError as error:
        raise Refused(
            _("The line already has a batch %(number)s.") % {"number": number}, field="number", code="duplicate"
        ) from error
    return batch


@verb(lock, of="batch__line__plant__facility__operator", to=BatchStatus.CLOSED, moves=BATCH_MOVES)
def close(*, actor: Actor, batch: Batch, closed_at: datetime, explanation: str = "") -> Batch:
    """Strike the balance of a batch and close it.

    Outputs weigh no more than inputs and reagents, and contain no more of any element than the inputs beyond the
    plant's assay tolerance. Outside of that it closes only with an explanation, which a manager signs.
    """
    explanation = explanation.strip()
    if explanation:
        actor.require(operator_of(batch), role=Role.MANAGER)
    custody.check_time(closed_at, field="closed_at")
    _check_complete(batch, closed_at)
    balance = balance_of(batch)
    _check_plausible(balance)
    if not balance.holds and not explanation:
        raise Refused(
            _("The batch is outside of its mass balance: %(faults)s. A manager may close it with an explanation.")
            % {"faults": describe_excess(balance)},
            field="explanation",
            code="out_of_balance",
        )
    if balance.holds and explanation:
        raise Refused(
            _("The batch is within its mass balance and needs no explanation."), field="explanation", code="in_balance"
        )
    batch.status, batch.closed_at, batch.reason = BatchStatus.CLOSED, closed_at, ""
    batch.explanation, batch.explained_by = explanation, actor.user if explanation else None
    batch.save(update_fields=_ENDED)
    return batch


@verb(
    of="batch__line__plant__facility__operator",
    role=Role.MANAGER,
    to=BatchStatus.OPEN,
    moves=BATCH_MOVES,
    locks_itself=True,
)
def reopen(*, actor: Actor, batch: Batch, reason: rules.Reason) -> Batch:
    """Open a closed batch again to correct it, as long as all that it made is still in stock. Needs a manager."""
    reopen.require(actor, batch)
    reason = rules.reason(reason)
    made = Output.objects.filter(batch=batch).exclude(lot__status__in=NOT_THERE).values_list("lot", flat=True)
    lots = custody.lock_lots(made)
    batch = lock(batch)
    reopen.check_status(batch)
    if {lot.pk for lot in lots} != set(made.all()):
        raise Refused(_("Its outputs were changed in this very moment."), field="outputs", code="changed")
    require_in_stock(lots, field="outputs")
    gone = next((lot for lot in lots if lot.facility_id != batch.line.plant.facility_id), None)
    if gone is not None:
        raise Refused(_("Lot %(number)s left the plant.") % {"number": gone.number}, field="outputs", code="gone")
    batch.status, batch.closed_at, batch.reason = BatchStatus.OPEN, None, reason
    batch.explanation, batch.explained_by = "", None
    batch.save(update_fields=_ENDED)
    return batch


@verb(lock, of="batch__line__plant__facility__operator", role=Role.MANAGER, to=BatchStatus.VOID, moves=BATCH_MOVES)
def void(*, actor: Actor, batch: Batch, reason: rules.Reason) -> Batch:
    """Give up an open batch that nothing is in any more. Needs a manager."""
    reason = rules.reason(reason)
    if batch.charges.exists():
        raise Refused(_("Take out what was charged first."), field="charges", code="not_empty")
    if batch.outputs.exclude(lot__status__in=NOT_THERE).exists():
        raise Refused(_("Remove its outputs first."), field="outputs", code="not_empty")
    batch.status, batch.reason = BatchStatus.VOID, reason
    batch.save(update_fields=["status", "reason"])
    return batch


def operator_of(batch: Batch) -> Organization:
    """Who runs the plant of a batch, which never changes."""
    return batch.line.plant.facility.operator


def describe_excess(balance: Balance) -> str:
    """What is too much, in words."""
    faults = []
    if balance.excess_kg:
        faults.append(
            _("outputs weigh %(output)s kg, inputs and reagents %(input)s kg")
            % {"output": _short(balance.output_kg), "input": _short(balance.charged_kg + balance.reagents_kg)}
        )
    faults.extend(
        _("%(element)s: %(output)s kg out, %(input)s kg in")
        % {"element": e.element, "output": _short(e.output_kg), "input": _short(e.input_kg)}
        for e in balance.excess_elements
    )
    return "; ".join(faults)


def _check_complete(batch: Batch, closed_at: datetime) -> None:
    last_charge = batch.charges.order_by("-charged_at").values_list("charged_at", flat=True).first()
    if last_charge is None:
        raise Refused(_("Nothing was charged."), field="charges", code="empty")
    outputs = batch.outputs.exclude(lot__status__in=NOT_THERE)
    last_output = outputs.order_by("-lot__made_at").values_list("lot__made_at", flat=True).first()
    if last_output is None:
        raise Refused(_("No output was recorded."), field="outputs", code="empty")
    if closed_at < max(batch.started_at, last_charge, last_output):
        raise Invalid(_("It cannot close before the last of it happened."), field="closed_at", code="out_of_order")


def _check_plausible(balance: Balance) -> None:
    for element in balance.elements:
        if element.input_kg and element.output_kg > element.input_kg * MOST_EXCESS:
            raise Refused(
                _("%(element)s: more than %(times)s times what went in came out; correct the contents or the assay.")
                % {"element": element.element, "times": MOST_EXCESS},
                field="outputs",
                code="implausible",
            )


def _short(kilograms: Decimal) -> Decimal:
    return round(kilograms, 3)
