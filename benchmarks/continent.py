"""A year of the whole continent, written straight into the tables. Every figure is made up and marked as simulated.

60 producers, the 96 states and provinces, 40 shredding and 15 refining plants, 4,500 batches of the first stage and 500 of
the second. At scale 1 there are 130,000 packs; nine of ten are recycled, the rest waits.
"""

from __future__ import annotations

import re
import sys
import time

from django.db import connection, transaction

PRODUCERS, SHREDDERS, REFINERS, FIRST, SECOND = 60, 40, 15, 4500, 500
YEAR = 2025

#: Only states, provinces and the district: ISO 3166-2 also lists six outlying areas of the United States.
PLACES = """
    SELECT code, row_number() OVER (ORDER BY code) - 1 AS n FROM collection_jurisdiction
    WHERE kind IN ('state', 'province', 'district')
       OR (kind = 'territory' AND parent_id = 'CA')
"""

#: Packs whose listed contents fit into the made-up masses.
MODELS = "rated_kwh BETWEEN 10 AND 60"

STEPS: list[tuple[str, str]] = [
    (
        "organizations",
        """
        INSERT INTO accounts_organization (name, functions, is_simulated)
        SELECT 'Bench producer ' || i, ARRAY['producer'], true FROM generate_series(1, %(producers)s) i
        UNION ALL SELECT 'Bench recycler ' || i, ARRAY['recycler'], true
        FROM generate_series(1, %(shredders)s + %(refiners)s) i
        UNION ALL SELECT 'Bench collector', ARRAY['collector', 'carrier'], true
        """,
    ),
    (
        "people",
        """
        INSERT INTO accounts_user (password, is_superuser, email, name, is_active, joined_at)
        SELECT '!', false, 'bench' || id || '@relode.example', name, true, now()
        FROM accounts_organization WHERE name LIKE 'Bench %%'
        """,
    ),
    (
        "memberships",
        """
        INSERT INTO accounts_membership (user_id, organization_id, role)
        SELECT u.id, o.id, 'manager' FROM accounts_user u
        JOIN accounts_organization o ON u.email = 'bench' || o.id || '@relode.example'
        """,
    ),
    (
        "facilities",
        """
        INSERT INTO collection_facility (operator_id, name, jurisdiction_id, address, locality, postal_code, time_zone,
                                         source, confidence, is_simulated)
        SELECT o.id, o.name || ' site', p.code, '', '', '', j.time_zone, '', '', true
        FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM accounts_organization WHERE name LIKE 'Bench recycler %%') o
        JOIN ({places}) p ON p.n = o.n %% %(places)s
        JOIN collection_jurisdiction j ON j.code = p.code
        UNION ALL
        SELECT c.id, 'Bench yard ' || p.code, p.code, '', '', '', j.time_zone, '', '', true
        FROM ({places}) p JOIN collection_jurisdiction j ON j.code = p.code,
             (SELECT id FROM accounts_organization WHERE name = 'Bench collector') c
        """,
    ),
    (
        "plants",
        """
        INSERT INTO recycling_plant (facility_id, operating_status, status_as_of, mass_tolerance, assay_tolerance,
                                     discrepancy_days)
        SELECT id, '', '', 0.02, 0.05, 15 FROM collection_facility WHERE name LIKE 'Bench recycler %%'
        """,
    ),
    (
        "lines",
        """
        INSERT INTO recycling_processline (plant_id, name, stage, forms, is_active)
        SELECT p.id, 'Bench line', CASE WHEN row_number() OVER (ORDER BY p.id) <= %(shredders)s THEN 'preprocess'
                                        ELSE 'hydro' END, '{{}}', true
        FROM recycling_plant p JOIN collection_facility f ON f.id = p.facility_id WHERE f.name LIKE 'Bench recycler %%'
        """,
    ),
    (
        "nameplates",
        """
        INSERT INTO recycling_nameplate (line_id, t_per_year, basis, valid, source, confidence)
        SELECT id, 15000, 'input', daterange('2020-01-01', NULL), 'made up for the benchmark', 'B-lo'
        FROM recycling_processline WHERE name = 'Bench line'
        """,
    ),
    (
        "batteries",
        """
        INSERT INTO collection_battery (model_id, producer_id, chemistry_id, composition_id, content_kwh, mass_value,
            mass_unit, form, placed_in_id, placed_on, condition, status, facility_id, registered_by_id, registered_at,
            is_simulated)
        SELECT m.id, o.id, m.chemistry_id, c.id, m.rated_kwh, 300 + i %% 300, 'kg', 'pack', p.code,
            make_date(%(year)s - 10, 1, 1) + (i * 7919 %% 700)::int,
            CASE WHEN i %% 50 = 0 THEN 'damaged' ELSE 'intact' END,
            CASE WHEN i %% 10 = 0 THEN 'at_facility' ELSE 'consumed' END,
            CASE WHEN i %% 10 = 0 THEN s.facility_id END, y.id, now(), true
        FROM generate_series(1, %(packs)s::bigint) i
        JOIN (SELECT id, chemistry_id, rated_kwh, row_number() OVER (ORDER BY id) - 1 AS n
              FROM collection_batterymodel WHERE {models}) m ON m.n = i * 31 %% %(models)s
        JOIN collection_composition c ON c.chemistry_id = m.chemistry_id AND c.is_default
        JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM accounts_organization
              WHERE name LIKE 'Bench producer %%') o ON o.n = i * 17 %% %(producers)s
        JOIN ({places}) p ON p.n = i * 13 %% %(places)s
        JOIN (SELECT p.facility_id, row_number() OVER (ORDER BY l.id) - 1 AS n FROM recycling_processline l
              JOIN recycling_plant p ON p.id = l.plant_id WHERE l.name = 'Bench line' AND l.stage = 'preprocess') s
              ON s.n = i %% %(shredders)s,
        (SELECT id FROM accounts_organization WHERE name = 'Bench collector') y
        """,
    ),
    (
        "ledger",
        """
        INSERT INTO collection_custodyevent (battery_id, sequence, kind, occurred_at, recorded_at, to_facility_id,
            to_status, to_organization_id, mass_kg, reference, note, actor_id)
        SELECT b.id, 1, 'given_up', make_timestamptz(%(year)s, 1, 2, 12, 0, 0, 'UTC') + (b.id %% 300) * interval '1 day',
            now(), f.id, 'at_facility', f.operator_id, b.mass_kg, '', '', a.id
        FROM collection_battery b
        JOIN collection_facility y ON y.name = 'Bench yard ' || b.placed_in_id
        JOIN collection_facility f ON f.id = coalesce(b.facility_id, y.id)
        JOIN accounts_user a ON a.email = 'bench' || f.operator_id || '@relode.example'
        """,
    ),
    (
        "batches of the first stage",
        """
        INSERT INTO recycling_batch (line_id, number, started_at, closed_at, status, explanation, reason, is_simulated)
        SELECT l.id, 'S' || i, t, t + interval '8 hours', 'closed', '', '', true
        FROM (SELECT i, make_timestamptz(%(year)s, 1, 5, 6, 0, 0, 'UTC') + i * interval '110 minutes' AS t
              FROM generate_series(1, %(first)s) i) b
        JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM recycling_processline
              WHERE name = 'Bench line' AND stage = 'preprocess') l ON l.n = b.i %% %(shredders)s
        """,
    ),
    (
        "charges of the first stage",
        """
        INSERT INTO recycling_charge (batch_id, battery_id, mass_kg, composition_id, content_kwh, charged_at,
                                      producer_id, placed_in_id)
        SELECT k.id, b.id, b.mass_kg, b.composition_id, b.content_kwh, k.started_at, b.producer_id, b.placed_in_id
        FROM collection_battery b
        JOIN (SELECT id, started_at, substr(number, 2)::int - 1 AS n FROM recycling_batch WHERE number LIKE 'S%%') k
             ON k.n = b.id %% %(first)s
        WHERE b.status = 'consumed'
        """,
    ),
    (
        "lots of the first stage",
        """
        INSERT INTO collection_lot (number, owner_id, material_id, mass_value, mass_unit, moisture, status, facility_id,
                                    origin, made_at, is_simulated)
        SELECT k.number || '/' || m.suffix, f.operator_id, m.code, round(c.kg * m.share, 3), 'kg', 0,
            CASE m.suffix WHEN 'B' THEN CASE WHEN substr(k.number, 2)::int <= %(second)s * 9 THEN 'consumed' ELSE 'in_stock' END
                          ELSE 'sold' END,
            CASE WHEN m.suffix = 'B' AND substr(k.number, 2)::int > %(second)s * 9 THEN f.id END, '', k.closed_at, true
        FROM recycling_batch k
        JOIN (SELECT batch_id, sum(mass_kg) AS kg FROM recycling_charge GROUP BY batch_id) c ON c.batch_id = k.id
        JOIN recycling_processline l ON l.id = k.line_id JOIN recycling_plant p ON p.id = l.plant_id
        JOIN collection_facility f ON f.id = p.facility_id,
        (VALUES ('B', (SELECT code FROM collection_material WHERE kind = 'intermediate' AND code LIKE 'black%%'
                       ORDER BY code LIMIT 1), 0.60),
                ('P', (SELECT material_id FROM collection_materialelement WHERE element = 'Cu' AND fraction = 1 LIMIT 1), 0.08)
        ) m(suffix, code, share)
        WHERE k.number LIKE 'S%%'
        """,
    ),
    (
        "lots of the second stage",
        """
        WITH made AS (
            INSERT INTO recycling_batch (line_id, number, started_at, closed_at, status, explanation, reason, is_simulated)
            SELECT l.id, 'R' || i, t, t + interval '20 hours', 'closed', '', '', true
            FROM (SELECT i, make_timestamptz(%(year)s, 12, 20, 6, 0, 0, 'UTC') + i * interval '20 minutes' AS t
                  FROM generate_series(1, %(second)s) i) b
            JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM recycling_processline
                  WHERE name = 'Bench line' AND stage = 'hydro') l ON l.n = b.i %% %(refiners)s
            RETURNING id, number, started_at
        )
        INSERT INTO recycling_charge (batch_id, lot_id, mass_kg, charged_at)
        SELECT made.id, lot.id, lot.mass_kg, made.started_at
        FROM collection_lot lot
        JOIN made ON substr(made.number, 2)::int - 1 = (substr(split_part(lot.number, '/', 1), 2)::int - 1) / 9
        WHERE lot.number LIKE 'S%%/B' AND lot.status = 'consumed'
        """,
    ),
    (
        "outputs of the first stage",
        """
        INSERT INTO recycling_output (batch_id, lot_id)
        SELECT k.id, lot.id FROM collection_lot lot JOIN recycling_batch k ON k.number = split_part(lot.number, '/', 1)
        WHERE lot.number LIKE 'S%%/_'
        """,
    ),
    (
        "assays of the first stage",
        """
        INSERT INTO collection_assay (lot_id, element, fraction)
        SELECT lot.id, c.element, least(1, round(c.kg * CASE WHEN c.element = 'Cu' THEN 0.10 ELSE 0.95 END / lot.mass_kg, 8))
        FROM (SELECT g.batch_id, e.element, sum(g.content_kwh * e.kg_per_kwh) AS kg
              FROM recycling_charge g JOIN collection_compositionelement e ON e.composition_id = g.composition_id
              GROUP BY g.batch_id, e.element) c
        JOIN recycling_output o ON o.batch_id = c.batch_id
        JOIN collection_lot lot ON lot.id = o.lot_id
        WHERE lot.number LIKE '%%/B'
        UNION ALL SELECT id, 'Cu', 0.999 FROM collection_lot WHERE number LIKE 'S%%/P'
        """,
    ),
    (
        "products of the second stage",
        """
        WITH content AS (
            SELECT g.batch_id, a.element, sum(lot.mass_kg * a.fraction) AS kg
            FROM recycling_charge g JOIN collection_lot lot ON lot.id = g.lot_id JOIN collection_assay a ON a.lot_id = lot.id
            GROUP BY g.batch_id, a.element
        ), made AS (
            INSERT INTO collection_lot (number, owner_id, material_id, mass_value, mass_unit, moisture, status, origin,
                                        made_at, is_simulated)
            SELECT k.number || '/' || e.element, f.operator_id, e.material_id, round(c.kg * 0.92 / e.fraction, 3), 'kg', 0,
                   'sold', '', k.closed_at, true
            FROM content c
            JOIN recycling_batch k ON k.id = c.batch_id
            JOIN (SELECT DISTINCT ON (element) element, material_id, fraction FROM collection_materialelement m
                  JOIN collection_material x ON x.code = m.material_id AND x.kind = 'product'
                  WHERE element IN ('Li', 'Ni', 'Co', 'Mn') ORDER BY element, material_id) e ON e.element = c.element
            JOIN recycling_processline l ON l.id = k.line_id JOIN recycling_plant p ON p.id = l.plant_id
            JOIN collection_facility f ON f.id = p.facility_id
            WHERE c.kg > 0.01
            RETURNING id, number, material_id
        ), tied AS (
            INSERT INTO recycling_output (batch_id, lot_id)
            SELECT k.id, made.id FROM made JOIN recycling_batch k ON k.number = split_part(made.number, '/', 1)
            RETURNING id
        )
        INSERT INTO collection_assay (lot_id, element, fraction)
        SELECT made.id, m.element, m.fraction FROM made JOIN collection_materialelement m ON m.material_id = made.material_id
        WHERE m.element = split_part(made.number, '/', 2)
        """,
    ),
    (
        "placements",
        """
        INSERT INTO recycling_marketplacement (producer_id, jurisdiction_id, period_start, period_end, chemistry_id, units,
            mass_kg, description, source, source_key, is_simulated)
        SELECT o.id, p.code, make_date(%(year)s, 1, 1), make_date(%(year)s, 12, 31), 'NMC622', 100, 45000, '',
            'made up for the benchmark', p.code || '/' || %(year)s, true
        FROM accounts_organization o, ({places}) p WHERE o.name LIKE 'Bench producer %%'
        """,
    ),
]


def is_built() -> bool:
    """Whether the continent stands in the database already."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM recycling_batch WHERE number = 'R1')")
        row = cursor.fetchone()
    return bool(row and row[0])


def build(packs: int) -> None:
    """Write `packs` batteries and their year. Triggers are off while it is written; constraints are not."""
    values = {
        "producers": PRODUCERS,
        "shredders": SHREDDERS,
        "refiners": REFINERS,
        "first": FIRST,
        "second": SECOND,
        "packs": packs,
        "year": YEAR,
    }
    began = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for name, count in (("places", f"({PLACES}) x"), ("models", f"collection_batterymodel WHERE {MODELS}")):
            cursor.execute(f"SELECT count(*) FROM {count}")
            (values[name],) = cursor.fetchone()
        for name, statement in STEPS:
            cursor.execute(statement.format(places=PLACES, models=MODELS), values)
            sys.stderr.write(f"\r{name}: {cursor.rowcount:,} rows{' ' * 30}")
            sys.stderr.flush()
            for table in re.findall(r"INSERT INTO (\w+)", statement):
                cursor.execute(f"ANALYZE {table}")  # else the planner takes the new rows for none
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    sys.stderr.write(f"\rbuilt {packs:,} packs in {time.perf_counter() - began:.1f} s{' ' * 40}\n")
