"""Which days of which lines have to be computed again (docs/adr/0029).

Whatever a day's utilization follows from notes the months that it reaches, whichever door it came through: charges,
outputs, lots, batches, nameplates, outages, statuses, time zones. `services.line_days` computes these anew.
"""

from __future__ import annotations

import pgtrigger

#: A plant that neither opened a batch nor weighed a shipment in for so many days does not report: what was not recorded is
#: not nothing. Between two such records it reported, if they are no further apart than `BRIDGED_DAYS`: it kept its books, and
#: did nothing.
REPORTS_FOR_DAYS, BRIDGED_DAYS = 31, 92

_NOTE = """
    INSERT INTO recycling_utilizationdue (line_id, month, noted_at)
    SELECT DISTINCT line_id, date_trunc('month', day)::date, statement_timestamp() FROM ({days}) reached;
    RETURN NULL;
"""


def notes(
    name: str,
    operation: pgtrigger.Operation,
    days: str,
    *,
    condition: pgtrigger.Condition | None = None,
    **rows: str,
) -> pgtrigger.Trigger:
    """A trigger that notes the months of `days`, a query of `line_id` and `day`. With `rows` it is of whole statements."""
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement if rows else pgtrigger.Row,
        when=pgtrigger.After,
        operation=operation,
        condition=condition,
        referencing=pgtrigger.Referencing(**rows) if rows else None,
        func=_NOTE.format(days=days),
    )


def of_instants(instants: str) -> str:
    """The days of the instants of a query of `line_id` and `at`: a day to either side is wider than any time zone."""
    return f"""
        SELECT line_id, ((at AT TIME ZONE 'UTC') + aside)::date AS day
        FROM ({instants}) happened CROSS JOIN (VALUES (interval '-1 day'), (interval '1 day')) sides (aside)
    """  # noqa: S608 - composed of constants


def computed_within(line: str, *ranges: str) -> str:
    """The days of a line (or of the lines of a query) that were computed, within any of `ranges`."""
    return f"""
        SELECT s.line_id, s.day FROM recycling_utilizationsnapshot s
        WHERE s.line_id IN ({line}) AND ({" OR ".join(f"s.day <@ {days}" for days in ranges)})
    """  # noqa: S608 - composed of constants


_OF_CHARGES = "SELECT b.line_id, r.charged_at AS at FROM {rows} r JOIN recycling_batch b ON b.id = r.batch_id"
_MOVED_CHARGES = """
    (SELECT x.* FROM entries e JOIN before b ON b.id = e.id CROSS JOIN LATERAL (
        VALUES (b.batch_id, b.charged_at), (e.batch_id, e.charged_at)
    ) x (batch_id, charged_at)
    WHERE (b.batch_id, b.charged_at, b.mass_kg) IS DISTINCT FROM (e.batch_id, e.charged_at, e.mass_kg))
"""

BY_CHARGES = (
    notes("days_by_insert", pgtrigger.Insert, of_instants(_OF_CHARGES.format(rows="entries")), new="entries"),
    notes(
        "days_by_update",
        pgtrigger.Update,
        of_instants(_OF_CHARGES.format(rows=_MOVED_CHARGES)),
        old="before",
        new="entries",
    ),
    notes("days_by_delete", pgtrigger.Delete, of_instants(_OF_CHARGES.format(rows="before")), old="before"),
)

_OF_OUTPUTS = """
    SELECT b.line_id, t.made_at AS at FROM {rows} r
    JOIN recycling_batch b ON b.id = r.batch_id JOIN collection_lot t ON t.id = r.lot_id
"""

BY_OUTPUTS = (
    notes("days_by_insert", pgtrigger.Insert, of_instants(_OF_OUTPUTS.format(rows="entries")), new="entries"),
    notes("days_by_delete", pgtrigger.Delete, of_instants(_OF_OUTPUTS.format(rows="before")), old="before"),
)

#: A lot counts on the day it was made, unless it never was; where it is does not matter.
BY_LOTS = notes(
    "days_by_correction",
    pgtrigger.Update,
    of_instants(
        """
        SELECT b.line_id, x.at FROM entries e JOIN before o ON o.id = e.id
        JOIN recycling_output p ON p.lot_id = e.id JOIN recycling_batch b ON b.id = p.batch_id
        CROSS JOIN LATERAL (VALUES (o.made_at), (e.made_at)) x (at)
        WHERE (o.mass_kg, o.material_id, o.made_at, o.status = 'void')
            IS DISTINCT FROM (e.mass_kg, e.material_id, e.made_at, e.status = 'void')
        """
    ),
    old="before",
    new="entries",
)

#: The days that a record may make reported ones.
_REPORTS = f"daterange(({{at}} - interval '{BRIDGED_DAYS + 1} days')::date, ({{at}} + interval '{BRIDGED_DAYS + 2} days')::date)"
_LINES_OF_BATCH = """
    SELECT l.id FROM recycling_processline o JOIN recycling_processline l ON l.plant_id = o.plant_id
    WHERE o.id IN (NEW.line_id, OLD.line_id)
"""

BY_BATCHES = (
    notes(
        "days_by_void",
        pgtrigger.Update,
        of_instants(
            """
            SELECT NEW.line_id, c.charged_at AS at FROM recycling_charge c WHERE c.batch_id = NEW.id
            UNION ALL
            SELECT NEW.line_id, t.made_at FROM recycling_output o JOIN collection_lot t ON t.id = o.lot_id
            WHERE o.batch_id = NEW.id
            """
        ),
        condition=pgtrigger.Condition("OLD.status <> NEW.status AND 'void' IN (OLD.status, NEW.status)"),
    ),
    # With a batch its plant reports, for a while.
    notes(
        "days_by_report",
        pgtrigger.Insert | pgtrigger.UpdateOf("started_at") | pgtrigger.Delete,
        computed_within(
            _LINES_OF_BATCH,
            *(_REPORTS.format(at=at) for at in ("OLD.started_at", "NEW.started_at")),
        ),
    ),
)


#: So it does with a weighing at its gate.
BY_INTAKES = notes(
    "days_by_report",
    pgtrigger.Insert | pgtrigger.UpdateOf("weighed_at") | pgtrigger.Delete,
    computed_within(
        "SELECT l.id FROM recycling_processline l WHERE l.plant_id IN (NEW.plant_id, OLD.plant_id)",
        *(_REPORTS.format(at=at) for at in ("OLD.weighed_at", "NEW.weighed_at")),
    ),
)


def by_period(lines: str, column: str) -> pgtrigger.Trigger:
    """Of what holds for lines in a period: `lines` finds them of NEW and OLD."""
    return notes(
        "days_by_period",
        pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        computed_within(lines, f"OLD.{column}", f"NEW.{column}"),
    )


OF_A_LINE = "NEW.line_id, OLD.line_id"
OF_A_PLANT = """
    SELECT l.id FROM recycling_processline l
    WHERE l.plant_id IN (NEW.plant_id, OLD.plant_id)
        AND (NEW.line_id IS NULL OR OLD.line_id IS NULL OR l.id IN (NEW.line_id, OLD.line_id))
"""

BY_TIME_ZONE = notes(
    "days_by_time_zone",
    pgtrigger.Update,
    computed_within(
        """
        SELECT l.id FROM recycling_processline l JOIN recycling_plant p ON p.id = l.plant_id
        WHERE p.facility_id = NEW.id
        """,
        "'(,)'::daterange",
    ),
    condition=pgtrigger.AnyChange("time_zone"),
)
