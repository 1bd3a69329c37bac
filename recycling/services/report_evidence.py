"""Writes down, with a report, all that its figures follow from: batteries, placements, factors, intensities, sites.

Each part is one INSERT … SELECT, so the work in Python does not grow with the number of batteries. A day is a day of
the time zone of the facility where it happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from recycling.models import EprReport, OptionalElement, Stage
from recycling.queries.annex import PREPARES


class FactorsOutOfDate(Exception):
    """Recovery factors that the report needs are being changed; they must be computed first."""


_PARTS = (
    "reportline", "evidence", "placement", "factor", "intensity", "site", "batch", "outcome", "inputshare",
)  # fmt: skip

_PLACED_HERE = "%(jurisdiction)s IN (j.code, j.parent_id)"
_COLLECTED_HERE = "%(jurisdiction)s IN (c.code, c.parent_id)"
_COUNTS = f"CASE WHEN %(counts_by)s = 'collected' THEN {_COLLECTED_HERE} ELSE {_PLACED_HERE} END"
_OTHER_PLACE = f"CASE WHEN %(counts_by)s = 'collected' THEN {_PLACED_HERE} ELSE {_COLLECTED_HERE} END"

#: The producer's batteries that count in the jurisdiction, or in a part of it, by the place that decides in the scheme; or, `away`, those
#: of which only the other place is there. A battery was collected where the chain begins: at the first entry of it in the ledger.
_SCOPE = f"""
    scope AS (
        SELECT b.id, b.model_id, b.chemistry_id, coalesce(k.family, '') AS family, b.mass_kg,
            coalesce(j.time_zone, %(time_zone)s) AS time_zone,
            CASE WHEN b.producer_ground = 'claimed' THEN 'claimed_' WHEN %(away)s THEN 'away_' ELSE '' END AS claim,
            coalesce(b.placed_in_id, '') AS placed_in, coalesce(c.code, '') AS collected_in, e.id AS entry, at.id AS facility_id
        FROM collection_battery b
        JOIN collection_custodyevent e ON e.battery_id = b.id AND e.sequence = 1
        LEFT JOIN collection_shipment sh ON sh.id = e.to_shipment_id
        LEFT JOIN collection_facility at ON at.id = coalesce(e.to_facility_id, sh.origin_id)
        LEFT JOIN collection_jurisdiction c ON c.code = at.jurisdiction_id
        LEFT JOIN collection_jurisdiction j ON j.code = b.placed_in_id
        LEFT JOIN collection_chemistry k ON k.code = b.chemistry_id
        WHERE b.producer_id = %(producer)s
            AND CASE WHEN %(away)s THEN {_OTHER_PLACE} AND ({_COUNTS}) IS NOT TRUE ELSE {_COUNTS} END
    )
"""  # noqa: S608 - composed of constants

#: What a battery is known by, the maker's number before others.
_IDENTIFIER = """
    coalesce((
        SELECT left(i.scheme || ' ' || i.value, 120) FROM collection_identifier i WHERE i.battery_id = s.id
        ORDER BY array_position(ARRAY['oem_serial', 'sgtin', 'giai', 'gbt34014', 'carb', 'vin'], i.scheme), i.id LIMIT 1
    ), '')
"""

#: Kilograms at an entry `e`, unless they were corrected since: then by the newest correction of that entry, or of the battery, which
#: names no document. That of a shipment's line says what the shipment was declared as, and nothing of any other entry.
_MASS = """
    coalesce((
        SELECT k.mass_kg FROM collection_custodyevent k
        WHERE k.battery_id = s.id AND k.sequence > e.sequence AND k.kind = 'corrected' AND k.mass_kg IS NOT NULL
            AND (k.corrects_id = e.id OR k.reference = '')
        ORDER BY k.sequence DESC LIMIT 1
    ), e.mass_kg, s.mass_kg)
"""

_INTO_EVIDENCE = """
    INSERT INTO recycling_eprevidence (
        report_id, fate, battery_id, occurred_on, facility_id, country, batch_id, method, decision,
        chemistry_id, family, composition_id, content_kwh, mass_kg, basis, placed_in, collected_in, identifier
    )
"""

#: A day of the time zone of the facility; where there is none, of the place of marketing.
_DAY = """
    CROSS JOIN LATERAL (
        SELECT (e.occurred_at AT TIME ZONE coalesce(f.time_zone, s.time_zone))::date AS day
    ) day
"""

#: What every row of evidence says last.
_WHERE_AND_WHO = f"s.placed_in, s.collected_in, {_IDENTIFIER}"

#: The first entry of a battery in the ledger is its arrival in the chain.
_COLLECTED = f"""
    {_INTO_EVIDENCE}
    WITH {_SCOPE}
    SELECT %(report)s, CASE WHEN %(away)s AND s.claim = 'claimed_' THEN 'claimed_away' ELSE s.claim || 'collected' END, s.id, day.day,
        f.id, coalesce(left(f.jurisdiction_id, 2), ''), NULL, '', '', s.chemistry_id, s.family, NULL, NULL, {_MASS}, '', {_WHERE_AND_WHO}
    FROM scope s
    JOIN collection_custodyevent e ON e.id = s.entry
    LEFT JOIN collection_facility f ON f.id = s.facility_id
    {_DAY}
    WHERE day.day BETWEEN %(start)s AND %(end)s
"""  # noqa: S608 - composed of constants

#: Of what is claimed and counts elsewhere, only that it was collected is told.
_IS_TOLD = "NOT (%(away)s AND s.claim = 'claimed_')"

#: The last release within the period counts, unless it was undone; the decision is that of the newest triage before it.
_SECOND_LIFE = f"""
    {_INTO_EVIDENCE}
    WITH {_SCOPE}
    SELECT DISTINCT ON (s.id) %(report)s, s.claim || 'second_life', s.id, day.day, f.id,
        coalesce(left(f.jurisdiction_id, 2), ''), NULL, '', coalesce(triage.decision, ''),
        s.chemistry_id, s.family, NULL, NULL, {_MASS}, '', {_WHERE_AND_WHO}
    FROM scope s
    JOIN collection_custodyevent e ON e.battery_id = s.id AND e.kind = 'released'
    LEFT JOIN collection_facility f ON f.id = e.from_facility_id
    LEFT JOIN LATERAL (
        SELECT i.decision FROM recycling_inspection i
        WHERE i.battery_id = s.id AND i.inspected_at <= e.occurred_at
        ORDER BY i.inspected_at DESC, i.id DESC LIMIT 1
    ) triage ON true
    {_DAY}
    WHERE {_IS_TOLD} AND day.day BETWEEN %(start)s AND %(end)s
        AND NOT EXISTS (
            SELECT 1 FROM collection_custodyevent undone
            WHERE undone.corrects_id = e.id AND undone.to_facility_id IS NOT NULL
        )
    ORDER BY s.id, e.sequence DESC
"""  # noqa: S608 - composed of constants

#: What comes back from a further use, the last time in the period. It was collected long before, and is not collected anew.
_RETURNED = f"""
    {_INTO_EVIDENCE}
    WITH {_SCOPE}
    SELECT DISTINCT ON (s.id) %(report)s, 'returned', s.id, day.day, f.id, coalesce(left(f.jurisdiction_id, 2), ''), NULL, '', '',
        s.chemistry_id, s.family, NULL, NULL, {_MASS}, '', {_WHERE_AND_WHO}
    FROM scope s
    JOIN collection_custodyevent e ON e.battery_id = s.id AND e.kind <> 'corrected' AND e.to_status <> 'second_life'
    JOIN collection_custodyevent p ON p.battery_id = s.id AND p.sequence = e.sequence - 1 AND p.to_status = 'second_life'
    LEFT JOIN collection_shipment sh ON sh.id = e.to_shipment_id
    LEFT JOIN collection_facility f ON f.id = coalesce(e.to_facility_id, sh.origin_id)
    {_DAY}
    WHERE s.claim = '' AND day.day BETWEEN %(start)s AND %(end)s
    ORDER BY s.id, e.sequence DESC
"""  # noqa: S608 - composed of constants

#: What was lost in the period and not found since.
_LOST = f"""
    {_INTO_EVIDENCE}
    WITH {_SCOPE}
    SELECT DISTINCT ON (s.id) %(report)s, 'lost', s.id, day.day, f.id, coalesce(left(f.jurisdiction_id, 2), ''), NULL, '', '',
        s.chemistry_id, s.family, NULL, NULL, {_MASS}, '', {_WHERE_AND_WHO}
    FROM scope s
    JOIN collection_custodyevent e ON e.battery_id = s.id AND e.kind = 'lost'
    LEFT JOIN collection_shipment sh ON sh.id = e.from_shipment_id
    LEFT JOIN collection_facility f ON f.id = coalesce(e.from_facility_id, sh.origin_id)
    {_DAY}
    WHERE s.claim = '' AND day.day BETWEEN %(start)s AND %(end)s
        AND NOT EXISTS (
            SELECT 1 FROM collection_custodyevent found
            WHERE found.battery_id = s.id AND found.sequence > e.sequence AND found.to_status <> 'lost'
        )
    ORDER BY s.id, e.sequence DESC
"""  # noqa: S608 - composed of constants

#: The charges of these batteries in the period, in batches that are closed.
_CHARGED = """
    FROM scope s
    JOIN recycling_charge c ON c.battery_id = s.id
    JOIN recycling_batch k ON k.id = c.batch_id AND k.status = 'closed'
    JOIN recycling_processline l ON l.id = k.line_id
    JOIN recycling_plant p ON p.id = l.plant_id
    JOIN collection_facility f ON f.id = p.facility_id
    CROSS JOIN LATERAL (SELECT (c.charged_at AT TIME ZONE f.time_zone)::date AS day) day
"""

_WITHIN = "WHERE day.day BETWEEN %(start)s AND %(end)s"

#: The batches that these went into (`root`), and all that what came out of each went into, through any number of stages.
_REACHED = f"""
    WITH RECURSIVE {_SCOPE}, roots (root) AS (SELECT DISTINCT c.batch_id {_CHARGED} {_WITHIN}),
    reached (root, batch_id) AS (
        SELECT root, root FROM roots
        UNION
        SELECT r.root, c.batch_id
        FROM reached r
        JOIN recycling_output o ON o.batch_id = r.batch_id
        JOIN recycling_charge c ON c.lot_id = o.lot_id
        JOIN recycling_batch b ON b.id = c.batch_id AND b.status <> 'void'
    )
"""  # noqa: S608 - composed of constants

#: Of each: the chain, who recycles first, what is of unknown content or assumed pure. A chain begins with its own stage; the others
#: stand in the order of `Stage`.
_BATCHES = f"""
    INSERT INTO recycling_eprbatch (
        report_id, batch_id, chain, elements_taken, analysis, moisture, unknown_share, pure_share
    )
    {_REACHED}, first (root, batch_id, operator_id, prepares) AS (
        SELECT r.root, b.id, f.operator_id, l.stage = ANY (%(prepares)s)
        FROM roots r JOIN recycling_batch b ON b.id = r.root
        JOIN recycling_processline l ON l.id = b.line_id
        JOIN recycling_plant p ON p.id = l.plant_id
        JOIN collection_facility f ON f.id = p.facility_id
        UNION
        SELECT n.root, b.id, f.operator_id, l.stage = ANY (%(prepares)s)
        FROM first n
        JOIN recycling_output o ON o.batch_id = n.batch_id
        JOIN recycling_charge c ON c.lot_id = o.lot_id
        JOIN recycling_batch b ON b.id = c.batch_id AND b.status <> 'void'
        JOIN recycling_processline l ON l.id = b.line_id
        JOIN recycling_plant p ON p.id = l.plant_id
        JOIN collection_facility f ON f.id = p.facility_id
        WHERE n.prepares
    )
    SELECT %(report)s, r.root, k.stage || coalesce('+' || chain.stages, ''),
        coalesce(taken.elements, ''),
        CASE WHEN a.is_measured THEN 'measured' WHEN NOT a.is_measured THEN 'estimated' ELSE '' END,
        coalesce(a.moisture, 0), round(unknown.share, 8), round(coalesce(pure.share, 0), 8)
    FROM roots r
    JOIN recycling_batch b ON b.id = r.root
    JOIN recycling_processline k ON k.id = b.line_id
    LEFT JOIN recycling_inputanalysis a ON a.batch_id = r.root
    CROSS JOIN LATERAL (
        SELECT string_agg(stage, '+' ORDER BY array_position(%(stages)s::text[], stage)) AS stages
        FROM (
            SELECT DISTINCT l.stage::text FROM reached n JOIN recycling_batch b ON b.id = n.batch_id
            JOIN recycling_processline l ON l.id = b.line_id
            WHERE n.root = r.root AND l.stage <> k.stage
        ) other
    ) chain
    CROSS JOIN LATERAL (
        -- who recycles first decides; where several do, counted is what all of them take into account
        SELECT string_agg(element, ',' ORDER BY element) AS elements
        FROM unnest(%(optional)s::text[]) element
        WHERE EXISTS (SELECT 1 FROM first n WHERE n.root = r.root AND NOT n.prepares) AND NOT EXISTS (
            SELECT 1 FROM first n
            LEFT JOIN recycling_elementstaken t
                ON t.recycler_id = n.operator_id AND t.year = extract(year FROM %(start)s::date)
            WHERE n.root = r.root AND NOT n.prepares AND NOT coalesce(element = ANY (t.elements), false)
        )
    ) taken
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(kg) FILTER (WHERE is_unknown), 0) / sum(kg) AS share
        FROM (
            SELECT coalesce(t.mass_kg * (1 - t.moisture), c.mass_kg) AS kg,
                CASE
                    WHEN c.battery_id IS NULL THEN t.assay_basis = 'none'
                    ELSE c.content_kwh IS NULL
                        AND NOT EXISTS (SELECT 1 FROM recycling_inputanalysis a WHERE a.batch_id = c.batch_id)
                END AS is_unknown
            FROM reached n
            JOIN recycling_charge c ON c.batch_id = n.batch_id
            LEFT JOIN collection_lot t ON t.id = c.lot_id
            WHERE n.root = r.root
        ) charged
    ) unknown
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(kg) FILTER (WHERE is_pure), 0) / nullif(sum(kg), 0) AS share
        FROM (
            SELECT t.mass_kg * (1 - t.moisture) AS kg, t.assay_basis = 'pure' AS is_pure
            FROM reached n JOIN recycling_output o ON o.batch_id = n.batch_id JOIN collection_lot t ON t.id = o.lot_id
            WHERE n.root = r.root AND t.status NOT IN ('split', 'void')
        ) made
    ) pure
"""  # noqa: S608 - composed of constants

#: What an analysis says goes before what the compositions say.
_RECYCLED = f"""
    {_INTO_EVIDENCE}
    WITH {_SCOPE}
    SELECT %(report)s, s.claim || 'recycled', s.id, day.day, f.id, left(f.jurisdiction_id, 2), c.batch_id, coalesce(x.chain, l.stage), '',
        s.chemistry_id, s.family, c.composition_id, c.content_kwh, c.mass_kg,
        CASE
            WHEN x.analysis <> '' THEN x.analysis
            WHEN c.content_kwh IS NULL THEN 'unknown'
            WHEN m.composition_id = c.composition_id THEN 'producers'
            ELSE 'assumed'
        END,
        {_WHERE_AND_WHO}
    {_CHARGED}
    LEFT JOIN recycling_eprbatch x ON x.report_id = %(report)s AND x.batch_id = c.batch_id
    LEFT JOIN collection_batterymodel m ON m.id = s.model_id
    {_WITHIN} AND {_IS_TOLD}
"""

_PLACEMENTS = """
    INSERT INTO recycling_eprplacement (
        report_id, placement_id, period_start, period_end, model_id, chemistry_id, family, units, mass_kg, is_counted
    )
    SELECT %(report)s, m.id, m.period_start, m.period_end, m.model_id, c.code, coalesce(c.family, ''), m.units,
        m.mass_kg, m.period_start >= %(start)s AND m.period_end <= %(end)s
    FROM recycling_marketplacement m
    JOIN collection_jurisdiction j ON j.code = m.jurisdiction_id
    LEFT JOIN collection_batterymodel bm ON bm.id = m.model_id
    LEFT JOIN collection_chemistry c ON c.code = coalesce(m.chemistry_id, bm.chemistry_id)
    WHERE m.producer_id = %(producer)s AND m.status = 'declared'
        AND (j.code = %(jurisdiction)s OR j.parent_id = %(jurisdiction)s)
        AND m.period_start <= %(end)s AND m.period_end >= %(start)s
"""

_OUTCOMES = """
    INSERT INTO recycling_eproutcome (report_id, batch_id, element, became, facility_id, country, share)
    SELECT %(report)s, o.batch_id, o.element, o.became, o.facility_id, o.country, o.share
    FROM recycling_outcome o
    WHERE o.batch_id IN (SELECT batch_id FROM recycling_eprbatch WHERE report_id = %(report)s)
"""

#: Parts of elements apart, as `annex.apart` has them: copper is that of no collector, iron is steel.
_APART = """
    SELECT whole.{of}, whole.element, whole.{amount} - coalesce(part.{amount}, 0)
    FROM {table} whole
    LEFT JOIN {table} part ON part.{of} = whole.{of}
        AND (whole.element, part.element) IN (('Cu', 'Cu-cell'), ('Fe', 'Fe-cell'))
    WHERE whole.element <> 'solvent'
"""

_INTENSITIES = f"""
    INSERT INTO recycling_eprintensity (report_id, composition_id, element, kg_per_kwh)
    SELECT %(report)s, i.* FROM (
        {_APART.format(table="collection_compositionelement", of="composition_id", amount="kg_per_kwh")}
    ) i
    WHERE i.composition_id IN (
        SELECT composition_id FROM recycling_eprevidence WHERE report_id = %(report)s AND content_kwh IS NOT NULL
    )
"""  # noqa: S608 - composed of constants

_INPUT_SHARES = f"""
    INSERT INTO recycling_eprinputshare (report_id, batch_id, element, fraction)
    SELECT %(report)s, a.batch_id, i.element, i.fraction FROM (
        {_APART.format(table="recycling_inputshare", of="analysis_id", amount="fraction")}
    ) i (analysis_id, element, fraction)
    JOIN recycling_inputanalysis a ON a.id = i.analysis_id
    WHERE a.batch_id IN (SELECT batch_id FROM recycling_eprbatch WHERE report_id = %(report)s)
"""  # noqa: S608 - composed of constants

#: Every facility that the recycled batteries reached, and whether its conditions are shown to equal those at home.
_SITES = f"""
    INSERT INTO recycling_eprsite (report_id, facility_id, method, country, is_proven)
    {_REACHED}
    SELECT DISTINCT %(report)s::bigint, p.facility_id, l.stage, left(f.jurisdiction_id, 2), EXISTS (
        SELECT 1 FROM collection_permit t
        WHERE t.facility_id = p.facility_id AND t.kind = 'equivalent' AND t.valid @> %(end)s::date
    )
    FROM reached r
    JOIN recycling_batch b ON b.id = r.batch_id
    JOIN recycling_processline l ON l.id = b.line_id
    JOIN recycling_plant p ON p.id = l.plant_id
    JOIN collection_facility f ON f.id = p.facility_id
    WHERE r.root IN (SELECT batch_id FROM recycling_eprevidence WHERE report_id = %(report)s AND fate = 'recycled')
"""  # noqa: S608 - composed of constants

_OUT_OF_DATE = f"""
    {_REACHED}
    SELECT EXISTS (SELECT 1 FROM reached r JOIN recycling_batch b ON b.id = r.batch_id WHERE b.stale_since IS NOT NULL)
        OR EXISTS (
            SELECT 1
            FROM (
                SELECT b.batch_id, '' AS element FROM recycling_eprbatch b WHERE b.report_id = %(report)s
                UNION ALL
                SELECT e.batch_id, i.element
                FROM (
                    SELECT DISTINCT batch_id, composition_id FROM recycling_eprevidence
                    WHERE report_id = %(report)s AND fate IN ('recycled', 'claimed_recycled')
                        AND basis IN ('producers', 'assumed')
                ) e
                JOIN recycling_eprintensity i
                    ON i.report_id = %(report)s AND i.composition_id = e.composition_id AND i.kg_per_kwh > 0
                UNION ALL
                SELECT i.batch_id, i.element FROM recycling_eprinputshare i
                WHERE i.report_id = %(report)s AND i.fraction > 0
            ) needed
            WHERE NOT EXISTS (
                SELECT FROM recycling_eproutcome o
                WHERE o.report_id = %(report)s AND o.batch_id = needed.batch_id AND o.element = needed.element
                OFFSET 0 -- looked up in the index: the planner takes rows just written for none, and would read them all
            )
        )
"""  # noqa: S608 - composed of constants

_SIMULATED = """
    SELECT EXISTS (
            SELECT 1 FROM recycling_eprevidence e JOIN collection_battery b ON b.id = e.battery_id
            WHERE e.report_id = %(report)s AND b.is_simulated
        ) OR EXISTS (
            SELECT 1 FROM recycling_eprplacement e JOIN recycling_marketplacement m ON m.id = e.placement_id
            WHERE e.report_id = %(report)s AND m.is_simulated
        )
"""

#: What is written in which order, how far the report is then, and how the step is called.
_STEPS: tuple[tuple[str, int, str | Promise], ...] = (
    (_PLACEMENTS, 15, _("market placements")),
    (_COLLECTED, 20, _("batteries collected")),
    (_SECOND_LIFE, 40, _("batteries with a further use")),
    (_RETURNED, 45, _("batteries with a further use")),
    (_LOST, 47, _("batteries lost")),
    (_BATCHES, 50, _("batches")),
    (_RECYCLED, 55, _("batteries recycled")),
    (_OUTCOMES, 70, _("recovery factors")),
    (_INTENSITIES, 75, _("element contents")),
    (_INPUT_SHARES, 78, _("element contents")),
    (_SITES, 80, _("facilities")),
)

#: What is written of those of which only the other place is there, too.
_AWAY = (_COLLECTED, _SECOND_LIFE, _RECYCLED)


def gather(report: EprReport, tell: Callable[[int, str], None]) -> bool:
    """Replace all that `report` keeps by what is known now; say whether any of it is simulated.

    Call it inside a transaction that reads one snapshot. Raises `FactorsOutOfDate` where recovery factors of a batch
    that the batteries reached are missing or not yet computed.
    """
    values: dict[str, Any] = {
        "report": report.pk,
        "producer": report.producer_id,
        "jurisdiction": report.jurisdiction_id,
        "start": report.period_start,
        "end": report.period_end,
        "prepares": [str(stage) for stage in PREPARES],
        "stages": Stage.values,
        "optional": OptionalElement.values,
        "counts_by": report.scheme.counts_by,
        "time_zone": report.jurisdiction.time_zone,
        "away": False,
    }
    with connection.cursor() as cursor:

        def is_true(sql: str) -> bool:
            cursor.execute(sql, values)
            row = cursor.fetchone()
            return bool(row and row[0])

        for part in _PARTS:
            cursor.execute(f"DELETE FROM recycling_epr{part} WHERE report_id = %(report)s", values)  # noqa: S608 - composed of constants
        for sql, percent, step in _STEPS:
            tell(percent, str(step))
            cursor.execute(sql, values)
            if sql in _AWAY:
                cursor.execute(sql, values | {"away": True})
        if is_true(_OUT_OF_DATE):
            raise FactorsOutOfDate
        return is_true(_SIMULATED) or report.producer.is_simulated
