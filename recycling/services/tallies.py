"""Keeping the tallies of months in step with what happened in them.

The database notes each month that a change reaches (`recycling.models.tallies`); `refresh` adds it up anew, and no other.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.db import connection, transaction

from recycling.models import TallyDue
from recycling.queries.epr import TOTALS, UNITS

#: Held while a month is tallied: two that count it at once would both write it.
_TURN = 0x52_45_4C_02

_WRITE_UNITS = f"""
    INSERT INTO recycling_tallyunits (
        month, is_claimed, producer_id, jurisdiction_id, units_collected, units_recycled, kg_recycled
    )
    SELECT %(start)s, %(claimed)s, counted.* FROM ({UNITS}) counted
"""  # noqa: S608 - composed of constants

_WRITE_ELEMENTS = f"""
    INSERT INTO recycling_tallyelement (
        month, is_claimed, producer_id, jurisdiction_id, element, content_kg, recovered_kg, pending_kg, residue_kg
    )
    SELECT %(start)s, %(claimed)s, added.* FROM ({TOTALS}) added
"""  # noqa: S608 - composed of constants

_NOTE_ALL = """
    INSERT INTO recycling_tallydue (month, noted_at)
    SELECT DISTINCT date_trunc('month', (at AT TIME ZONE 'UTC') + aside)::date, statement_timestamp()
    FROM (
        SELECT occurred_at AS at FROM collection_custodyevent WHERE sequence = 1 AND battery_id IS NOT NULL
        UNION ALL SELECT charged_at FROM recycling_charge WHERE battery_id IS NOT NULL
        UNION ALL SELECT month FROM recycling_tallyunits
        UNION ALL SELECT month FROM recycling_tallyelement
    ) reached
    CROSS JOIN (VALUES (interval '-1 day'), (interval '1 day')) days (aside)
"""


def refresh() -> int:
    """Tally the months that something changed in; how many they were.

    Belongs to no user, so it takes no actor. Sent twice, it finds nothing to do the second time. Each month is a
    transaction of its own: what changes while it is added up is noted again.
    """
    due = TallyDue.objects.order_by("month").values_list("month", flat=True).distinct()
    return sum(_tally(month) for month in list(due))


def refresh_all() -> int:
    """Tally every month that anything happened in, such as after rows were written past the triggers."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTE_ALL)
    return refresh()


@transaction.atomic
def _tally(month: date) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])
        noted, _by_model = TallyDue.objects.filter(month=month).delete()
        if not noted:  # another worker was faster
            return False
        next_month = (month + timedelta(days=31)).replace(day=1)
        values = {
            "start": month,
            "end": next_month - timedelta(days=1),
            "jurisdictions": None,
            "producers": None,
            "nobody": None,
        }
        for table, write in (("tallyunits", _WRITE_UNITS), ("tallyelement", _WRITE_ELEMENTS)):
            cursor.execute(f"DELETE FROM recycling_{table} WHERE month = %(start)s", values)  # noqa: S608 - composed of constants
            for claimed in (False, True):
                cursor.execute(write, values | {"claimed": claimed})
    return True
