"""Seals: what a batch was made of and balanced with does not change, whichever door its lots are changed through.

A lot lives in `collection`, which knows nothing of batches. The rules that tie it to the batch that made it and to the
one it was charged into stand here, as triggers on its tables: parts of a lot are outputs of the batch that made the
whole, what a closed batch was balanced with does not change, and a change that moves recovery factors marks the batch
as stale.
"""

from __future__ import annotations

import pgtrigger
from django.utils.translation import gettext_lazy as _

from accounts.constraints import explain
from collection.models import Assay, Battery, Destination, Lot
from recycling.models.due_days import BY_LOTS

explain(
    charged_as_what_it_is=_(
        "A battery that was charged keeps its model, chemistry and contents; take it out of its batch."
    ),
    batch_sealed=_("A batch that is not open keeps its inputs and outputs; reopen it to correct them."),
    charged_as_it_is=_(
        "A battery that was charged keeps its producer and place of marketing; take it out of its batch."
    ),
)


def marks_stale(name: str, operation: pgtrigger.Operation, batches: str) -> pgtrigger.Trigger:
    """A trigger that marks the batches which the query `batches` names as stale, once per statement.

    Rows before and after are `before` and `entries`. Locks in the order of ids, so that two of them never deadlock.
    """
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=_rows(operation),
        func=f"""
            WITH moved AS MATERIALIZED (
                SELECT id FROM recycling_batch WHERE id IN ({batches}) ORDER BY id FOR NO KEY UPDATE
            )
            UPDATE recycling_batch b SET stale_since = clock_timestamp() FROM moved WHERE b.id = moved.id;
            RETURN NULL;
        """,
    )


def stale_with_parts(
    batches: str = "SELECT batch_id FROM {rows}", *, changed: str = ""
) -> tuple[pgtrigger.Trigger, ...]:
    """Triggers that mark a batch as stale when one of its parts is added, changed (as `changed` has it) or removed."""
    both = f"{batches.format(rows='before')} UNION {batches.format(rows='entries')}"
    return (
        marks_stale("stale_by_insert", pgtrigger.Insert, batches.format(rows="entries")),
        marks_stale("stale_by_update", pgtrigger.Update, changed or both),
        marks_stale("stale_by_delete", pgtrigger.Delete, batches.format(rows="before")),
    )


def _rows(operation: pgtrigger.Operation) -> pgtrigger.Referencing:
    if operation is pgtrigger.Insert:
        return pgtrigger.Referencing(new="entries")
    if operation is pgtrigger.Delete:
        return pgtrigger.Referencing(old="before")
    return pgtrigger.Referencing(old="before", new="entries")


#: The batch that made a lot, and the one it was charged into.
OF_LOTS = """
    SELECT o.batch_id FROM recycling_output o JOIN {rows} r ON r.lot_id = o.lot_id
    UNION SELECT c.batch_id FROM recycling_charge c JOIN {rows} r ON r.lot_id = c.lot_id
"""

#: Lots whose content or fate changed; on the way from one plant to another neither does, but where it waits abroad.
CHANGED_LOTS = """
    SELECT e.id AS lot_id FROM entries e JOIN before b ON b.id = e.id
    WHERE (b.mass_kg, b.moisture, b.material_id) IS DISTINCT FROM (e.mass_kg, e.moisture, e.material_id)
        OR (b.status <> e.status
            AND NOT (b.status IN ('in_stock', 'in_transit') AND e.status IN ('in_stock', 'in_transit')))
        OR (b.facility_id IS DISTINCT FROM e.facility_id AND EXISTS (
            SELECT 1 FROM recycling_output o
            JOIN recycling_batch k ON k.id = o.batch_id
            JOIN recycling_processline l ON l.id = k.line_id
            JOIN recycling_plant p ON p.id = l.plant_id
            JOIN collection_facility made ON made.id = p.facility_id
            JOIN collection_facility at ON at.id IN (b.facility_id, e.facility_id)
            WHERE o.lot_id = e.id AND left(at.jurisdiction_id, 2) <> left(made.jurisdiction_id, 2)
        ))
"""

#: Lots of which a closed batch was balanced with other figures.
REWEIGHED_LOTS = """
    SELECT e.id AS lot_id FROM entries e JOIN before b ON b.id = e.id
    WHERE (b.mass_kg, b.moisture, b.material_id) IS DISTINCT FROM (e.mass_kg, e.moisture, e.material_id)
"""


def _unless_sealed(rows: str) -> str:
    """Refuse if one of the lots in the query `rows` was charged, or made by a batch that is not open.

    Locks these batches first, so that none of them closes between this look and the end of the change.
    """
    made_by = f"SELECT o.batch_id FROM recycling_output o JOIN ({rows}) r ON r.lot_id = o.lot_id"
    return f"""
        PERFORM 1 FROM recycling_batch WHERE id IN ({made_by}) ORDER BY id FOR NO KEY UPDATE;
        IF EXISTS (SELECT 1 FROM recycling_batch WHERE id IN ({made_by}) AND status <> 'open')
            OR EXISTS (SELECT 1 FROM ({rows}) r JOIN recycling_charge c ON c.lot_id = r.lot_id)
        THEN
            RAISE EXCEPTION 'what a batch that is not open was balanced with does not change'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_sealed';
        END IF;
        RETURN NULL;
    """


def _assays_sealed(operation: pgtrigger.Operation, name: str, rows: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=_rows(operation),
        func=_unless_sealed(rows),
    )


#: A part has the assay of the whole from the start, so taking it over is no change.
NEW_ASSAYS = """
    SELECT e.lot_id FROM entries e WHERE NOT EXISTS (
        SELECT 1 FROM collection_lot part JOIN collection_assay whole
            ON whole.lot_id = part.split_from_id AND whole.element = e.element AND whole.fraction = e.fraction
        WHERE part.id = e.lot_id
    )
"""


class TracedBattery(Battery):
    """A battery as the trace sees it: its charge says whose it is, so that does not change while there is one. Only that it
    turned out not to be the producer's, by a contest that was conceded or upheld, reaches its charge (docs/adr/0024).
    """

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("traced battery")
        verbose_name_plural = _("traced batteries")
        triggers = (
            pgtrigger.Trigger(
                name="charged_as_it_is",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("producer_id", "placed_in_id"),
                condition=pgtrigger.AnyChange("producer", "placed_in"),
                func="""
                    IF EXISTS (SELECT 1 FROM recycling_charge c WHERE c.battery_id = OLD.id) AND NOT (
                        NEW.producer_id IS NULL AND NEW.placed_in_id IS NOT DISTINCT FROM OLD.placed_in_id
                        AND EXISTS (
                            SELECT 1 FROM collection_claimcontest k
                            WHERE k.battery_id = OLD.id AND k.contested_by_id = OLD.producer_id
                                AND k.status IN ('conceded', 'upheld')
                        )
                    ) THEN
                        RAISE EXCEPTION 'a battery that was charged keeps its producer and place of marketing'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'charged_as_it_is';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="charged_as_what_it_is",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("model_id", "chemistry_id", "composition_id", "content_kwh"),
                condition=pgtrigger.AnyChange("model", "chemistry", "composition", "content_kwh"),
                func="""
                    IF EXISTS (SELECT 1 FROM recycling_charge c WHERE c.battery_id = OLD.id) THEN
                        RAISE EXCEPTION 'a battery that was charged keeps its model, chemistry and contents'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'charged_as_what_it_is';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="confirms_its_charge",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("producer_ground", "producer_id"),
                condition=pgtrigger.AnyChange("producer_ground", "producer"),
                func="""
                    UPDATE recycling_charge SET is_claimed = is_claimed WHERE battery_id = NEW.id; -- takes it from here
                    RETURN NULL;
                """,
            ),
        )


class TracedLot(Lot):
    """A lot as the trace sees it."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("traced lot")
        verbose_name_plural = _("traced lots")
        triggers = (
            BY_LOTS,
            pgtrigger.Trigger(
                name="parts_are_outputs",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="entries"),
                func="""
                    INSERT INTO recycling_output (batch_id, lot_id)
                    SELECT o.batch_id, e.id FROM entries e JOIN recycling_output o ON o.lot_id = e.split_from_id
                    ORDER BY e.id;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="sealed_with_batch",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(old="before", new="entries"),
                func=_unless_sealed(REWEIGHED_LOTS),
            ),
            marks_stale(
                "stale_by_change",
                pgtrigger.Update,
                OF_LOTS.format(rows=f"({CHANGED_LOTS})"),
            ),
        )


class TracedAssay(Assay):
    """An assay as the trace sees it."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("traced assay")
        verbose_name_plural = _("traced assays")
        triggers = (
            _assays_sealed(pgtrigger.Insert, "sealed_against_insert", NEW_ASSAYS),
            _assays_sealed(
                pgtrigger.Update,
                "sealed_against_update",
                "SELECT lot_id FROM before UNION SELECT lot_id FROM entries",
            ),
            _assays_sealed(pgtrigger.Delete, "sealed_against_delete", "SELECT lot_id FROM before"),
            *stale_with_parts(OF_LOTS),
        )


class TracedDestination(Destination):
    """Where a lot went, as the trace sees it: whether it counts as recovered follows from it."""

    class Meta:
        proxy = True
        default_permissions = ()
        verbose_name = _("traced destination")
        verbose_name_plural = _("traced destinations")
        triggers = stale_with_parts(OF_LOTS)
