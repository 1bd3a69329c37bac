"""What is corrected afterwards in generated worlds, by raw statements: the database itself marks what is to be computed anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db.models import Model

from collection.models import Assay, Destination, Lot
from recycling.models import Batch, InputAnalysis, InputShare, Output
from tests.recycling.chain import at
from tests.recycling.outcome_plans import ANALYSES, ASSAYS, YEAR, Correction, end_of
from tests.recycling.outcome_worlds import analyzed, numbers


def correct(batches: list[int], corrections: Iterable[Correction]) -> None:
    """Change what of it may be changed; where there is nothing of the kind, nothing."""
    for one in corrections:
        _CORRECTIONS[one.kind](batches, one)


def _pick(rows: Any, which: int) -> Any:
    found = list(rows.order_by("pk"))
    return found[which % len(found)] if found else None


def _made(batches: list[int], **conditions: Any) -> Any:
    return Lot.objects.filter(output__batch__in=batches, **conditions).select_related("output__batch__line__plant")


def _leaves(batches: list[int], one: Correction) -> None:
    lot = _pick(_made(batches, status="in_stock"), one.which)
    if lot is None:
        return
    status, destination = end_of(lot.material_id, one.end)
    if status != "in_stock":
        Lot.objects.filter(pk=lot.pk).update(status=status, facility=None)
        _send(lot, destination)


def _send(lot: Lot, destination: tuple[str, bool, str] | None) -> None:
    Destination.objects.filter(lot=lot).delete()
    if destination is not None:
        use, ended, country = destination
        Destination.objects.create(lot=lot, use=use, ended_waste=ended, recipient="Another", country=country)


def _returns(batches: list[int], one: Correction) -> None:
    lot = _pick(_made(batches, status__in=["sold", "landfilled", "lost"]).exclude(material="o-gas"), one.which)
    if lot is not None:
        _send(lot, None)
        Lot.objects.filter(pk=lot.pk).update(status="in_stock", facility=lot.output.batch.line.plant.facility_id)


def _destination(batches: list[int], one: Correction) -> None:
    lot = _pick(_made(batches, status="sold"), one.which)
    if lot is not None and one.end[0] == "sold":
        _send(lot, end_of(lot.material_id, one.end)[1])


def _assay(batches: list[int], one: Correction) -> None:
    lot = _pick(_made(batches, output__batch__status="open", charge=None), one.which)
    if lot is None:
        return
    Assay.objects.filter(lot=lot).delete()
    Lot.objects.filter(pk=lot.pk).update(assay_basis="measured" if one.assay else "none", mass_value=one.which + 50)
    Assay.objects.bulk_create(
        Assay(lot=lot, element=element, fraction=Decimal(fraction), from_batteries=Decimal(share))
        for element, (fraction, share) in ASSAYS[one.assay].items()
    )


def _analysis(batches: list[int], one: Correction) -> None:
    batch = _pick(Batch.objects.filter(pk__in=batches, charges__battery__isnull=False).distinct(), one.which)
    if batch is None:
        return
    InputAnalysis.objects.filter(batch=batch).delete()
    said = ANALYSES[one.assay % len(ANALYSES)]
    if said is not None:
        rows: dict[type[Model], list[Any]] = defaultdict(list)
        analyzed(rows, batch, said)
        for kind in (InputAnalysis, InputShare):
            kind._default_manager.bulk_create(rows[kind])


def _reopened(batches: list[int], one: Correction) -> None:
    """As long as all that it made is in stock."""
    rows = Batch.objects.filter(pk__in=batches, status="closed")
    gone = Output.objects.exclude(lot__status__in=["in_stock", "split", "void"])
    batch = _pick(rows.exclude(pk__in=gone.values("batch")), one.which)
    if batch is not None:
        Batch.objects.filter(pk=batch.pk).update(status="open", closed_at=None)


def _closed(batches: list[int], one: Correction) -> None:
    batch = _pick(Batch.objects.filter(pk__in=batches, status="open"), one.which)
    if batch is not None:
        Batch.objects.filter(pk=batch.pk).update(status="closed", closed_at=at(YEAR, 12, 2))


def _split(batches: list[int], one: Correction) -> None:
    lot = _pick(_made(batches, status="in_stock"), one.which)
    if lot is None:
        return
    facility, kg, assays = lot.facility, lot.mass_value, list(lot.assays.all())
    Lot.objects.filter(pk=lot.pk).update(status="split", facility=None)
    parts = [
        Lot(
            number=f"L{next(numbers)}", owner=lot.owner, material_id=lot.material_id, mass_value=mass, moisture=lot.moisture,
            status="in_stock", made_at=at(YEAR, 7, 1), split_from=lot, assay_basis=lot.assay_basis, facility=facility,
        )
        for mass in (kg * Decimal("0.25"), kg * Decimal("0.75"))
    ]  # fmt: skip
    Lot.objects.bulk_create(parts)
    Assay.objects.bulk_create(
        Assay(lot=part, element=a.element, fraction=a.fraction, from_batteries=a.from_batteries)
        for part in parts
        for a in assays
    )


_CORRECTIONS = {
    "leaves": _leaves, "returns": _returns, "destination": _destination, "assay": _assay, "analysis": _analysis,
    "reopened": _reopened, "closed": _closed, "split": _split,
}  # fmt: skip
