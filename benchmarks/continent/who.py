"""Organizations with their people and sites. Temporary tables number what the other rooms choose from."""

PRODUCERS, RECYCLERS, SALVAGERS = 60, 20, 30
SHREDDERS, HYDRO_PLANTS, REFINERIES, YARDS = 40, 15, 5, 300

STEPS: list[tuple[str, str]] = [
    (
        "organizations",
        f"""
        INSERT INTO accounts_organization (name, functions, is_simulated, requires_second_factor, claimed_at)
        SELECT name, functions, is_simulated, false, now() FROM (
        SELECT 'Bench producer ' || i, ARRAY['producer'], true FROM generate_series(1, {PRODUCERS}) i
        UNION ALL SELECT 'Bench recycler ' || i, ARRAY['recycler'], true FROM generate_series(1, {RECYCLERS}) i
        UNION ALL SELECT 'Bench salvage ' || i, ARRAY[]::text[], true FROM generate_series(1, {SALVAGERS}) i
        UNION ALL SELECT 'Bench collector', ARRAY['collector', 'carrier'], true
        UNION ALL SELECT 'Bench regulator ' || place, ARRAY['regulator'], true FROM unnest(ARRAY['US', 'US-CA']) place
        ) made (name, functions, is_simulated)
        """,
    ),
    (
        "people",
        """
        INSERT INTO accounts_user (password, is_superuser, email, name, is_active, joined_at)
        SELECT '!', false, 'bench' || id || '@relode.example', name, true, now()
        FROM accounts_organization WHERE name LIKE 'Bench %'
        UNION ALL SELECT '!', true, 'bench@relode.example', 'Bench superuser', true, now()
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
        "mandates",
        """
        INSERT INTO collection_mandate (organization_id, jurisdiction_id)
        SELECT id, substr(name, 17) FROM accounts_organization WHERE name LIKE 'Bench regulator %'
        """,
    ),
    (
        "places",  # states, provinces and the district: ISO 3166-2 also lists six outlying areas of the United States
        """
        CREATE TEMP TABLE place ON COMMIT DROP AS
        SELECT code, time_zone, parent_id AS country, row_number() OVER (ORDER BY code) - 1 AS n,
            row_number() OVER (PARTITION BY parent_id ORDER BY code) - 1 AS n_in_country,
            count(*) OVER (PARTITION BY parent_id) AS in_country
        FROM collection_jurisdiction
        WHERE kind IN ('state', 'province', 'district') OR (kind = 'territory' AND parent_id = 'CA')
        """,
    ),
    (
        "who acts",
        """
        CREATE TEMP TABLE party ON COMMIT DROP AS
        SELECT o.id, o.name, m.user_id, split_part(o.name, ' ', 2) AS kind,
            row_number() OVER (PARTITION BY split_part(o.name, ' ', 2) ORDER BY o.id) - 1 AS n
        FROM accounts_organization o JOIN accounts_membership m ON m.organization_id = o.id
        WHERE o.name LIKE 'Bench %'
        """,
    ),
    (
        "relations",  # every salvager has agreed that the collector fetches, every recycler that it carries
        """
        INSERT INTO collection_relation (kind, giver_id, taker_id, conditions, unannounced, status, reason, offered_by_id,
            offered_at, is_simulated)
        SELECT CASE giver.kind WHEN 'salvage' THEN 'collect' ELSE 'carry' END, giver.id, collector.id,
            ARRAY['intact', 'damaged', 'defective', 'recalled'], giver.kind = 'salvage', 'accepted', '', giver.id, now(), true
        FROM party giver JOIN party collector ON collector.kind = 'collector' WHERE giver.kind IN ('salvage', 'recycler')
        """,
    ),
    (
        "sites",  # seven of ten in the United States; each organization has several
        f"""
        CREATE TEMP TABLE site ON COMMIT DROP AS
        SELECT k.kind, i, place.code AS jurisdiction, place.country, place.time_zone, party.id AS operator_id, party.user_id,
            'Bench ' || k.kind || ' ' || i + 1 AS name,
            row_number() OVER (PARTITION BY k.kind, place.country ORDER BY i) - 1 AS n,
            count(*) OVER (PARTITION BY k.kind, place.country) AS in_country
        FROM (VALUES ('preprocess', 'recycler', {SHREDDERS}), ('hydro', 'recycler', {HYDRO_PLANTS}),
                     ('refine', 'recycler', {REFINERIES}), ('yard', 'salvage', {YARDS})) k (kind, run_by, number)
        CROSS JOIN LATERAL generate_series(0, k.number - 1) i
        CROSS JOIN LATERAL (SELECT CASE WHEN i % 20 IN (3, 8, 14) THEN 'CA' WHEN i % 20 IN (4, 9, 19) THEN 'MX' ELSE 'US' END
                            AS country) c
        JOIN place ON place.country = c.country AND place.n_in_country = i * 7 % place.in_country
        JOIN party ON party.kind = k.run_by
            AND party.n = i % CASE k.run_by WHEN 'recycler' THEN {RECYCLERS} ELSE {SALVAGERS} END
        """,
    ),
    (
        "facilities",
        """
        INSERT INTO collection_facility (operator_id, name, jurisdiction_id, address, locality, postal_code, time_zone,
                                         source, confidence, is_simulated)
        SELECT operator_id, name, jurisdiction, '', '', '', time_zone, '', '', true FROM site
        """,
    ),
    (
        "collection points",
        """
        INSERT INTO collection_collectionpoint (facility_id, kind, contact, notes, is_active)
        SELECT id, 'salvage_yard', '', '', true FROM collection_facility WHERE name LIKE 'Bench yard %'
        """,
    ),
    (
        "plants",
        """
        INSERT INTO recycling_plant (facility_id, mass_tolerance, assay_tolerance, discrepancy_days, shows_free_capacity)
        SELECT f.id, 0.02, 0.05, 15, false FROM collection_facility f JOIN site s ON s.name = f.name AND s.kind <> 'yard'
        """,
    ),
    (
        "process lines",
        """
        INSERT INTO recycling_processline (plant_id, name, stage, forms, conditions, is_active)
        SELECT p.id, 'Bench line', s.kind, '{}', '{}', true FROM recycling_plant p
        JOIN collection_facility f ON f.id = p.facility_id JOIN site s ON s.name = f.name
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
        "yards",
        """
        CREATE TEMP TABLE yard ON COMMIT DROP AS
        SELECT s.*, f.id AS facility_id, c.id AS point_id FROM site s
        JOIN collection_facility f ON f.name = s.name JOIN collection_collectionpoint c ON c.facility_id = f.id
        """,
    ),
    (
        "lines",
        """
        CREATE TEMP TABLE line ON COMMIT DROP AS
        SELECT s.*, f.id AS facility_id, p.id AS plant_id, l.id AS line_id FROM site s
        JOIN collection_facility f ON f.name = s.name JOIN recycling_plant p ON p.facility_id = f.id
        JOIN recycling_processline l ON l.plant_id = p.id
        """,
    ),
    (
        "placements",
        """
        INSERT INTO recycling_marketplacement (producer_id, jurisdiction_id, period_start, period_end, chemistry_id, units,
            mass_kg, description, source, source_key, is_simulated)
        SELECT o.id, p.code, make_date(v, 1, 1), make_date(v, 12, 31), 'NMC622', 100 + p.n, 450 * (100 + p.n), '',
            'made up for the benchmark', p.code || '/' || v, true
        FROM party o, place p, generate_series($year - 4, $year) v WHERE o.kind = 'producer'
        """,
    ),
]
