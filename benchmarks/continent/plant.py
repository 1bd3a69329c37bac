"""What becomes of packs at plants: weighed, inspected, charged, shredded, leached, refined, in three stages.

A tenth of the intermediates is still in stock, and pending; each stage leaves residue. One batch in fifty is open.
"""

from benchmarks.continent.road import ENTRY, HANDED_OVER, HANDOVER, LOADED

#: What a stage makes: number, material, and of each element in it the share that gets there. The lot weighs the
#: elements times what is bound to them, so that a product has the fraction of its stoichiometry.
RECIPES = """
    SELECT * FROM (VALUES
        ('preprocess', 1, 'black-mass', '{Li,Ni,Co,Mn,graphite,P,Cu,Al}'::text[], '{.93,.93,.93,.93,.93,.5,.08,.1}'::numeric[], 1.1),
        ('preprocess', 2, 'copper', '{Cu}', '{.85}', 1),
        ('preprocess', 3, 'steel', '{Fe}', '{.95}', 1),
        ('preprocess', 4, 'filter-dust', '{Li,Ni,Co,Mn,Cu,Al}', '{.03,.03,.03,.03,.03,.3}', 2),
        ('hydro', 1, 'mhp', '{Ni,Co,Mn}', '{.96,.96,.96}', 2),
        ('hydro', 2, 'li2co3', '{Li}', '{.90}', 1 / 0.18785188),
        ('hydro', 3, 'graphite', '{graphite}', '{.80}', 1),
        ('hydro', 4, 'sodium-sulfate', '{Li,Ni,Co,Mn}', '{.05,.01,.01,.01}', 20),
        ('refine', 1, 'niso4-6h2o', '{Ni}', '{.97}', 1 / 0.22330400),
        ('refine', 2, 'coso4-7h2o', '{Co}', '{.97}', 1 / 0.20965584),
        ('refine', 3, 'mnso4-h2o', '{Mn}', '{.90}', 1 / 0.32505961),
        ('refine', 4, 'filter-dust', '{Ni,Co}', '{.01,.01}', 10)
    ) r (stage, position, material, elements, shares, bound)
"""

#: Kilograms of each element charged into each batch of a stage.
CONTENT_OF_PACKS = """
    SELECT g.batch_id, e.element, sum(g.kwh * e.kg_per_kwh) AS kg
    FROM (SELECT batch_id, composition_id, sum(content_kwh) AS kwh FROM recycling_charge GROUP BY 1, 2) g
    JOIN collection_compositionelement e ON e.composition_id = g.composition_id GROUP BY 1, 2
"""
CONTENT_OF_LOTS = """
    SELECT g.batch_id, a.element, sum(g.mass_kg * a.fraction) AS kg
    FROM recycling_charge g JOIN collection_assay a ON a.lot_id = g.lot_id JOIN run ON run.id = g.batch_id AND run.stage = '{stage}'
    GROUP BY 1, 2
"""


def grouped(stage: str, earlier: str, count: int) -> tuple[str, str]:
    """Batches of a stage from the intermediates of `count` closed ones of the stage before, of one country."""
    return (
        f"groups for {stage}",
        f"""
        WITH ranked AS (
            SELECT *, row_number() OVER (PARTITION BY country ORDER BY id) - 1 AS n FROM run
            WHERE stage = '{earlier}' AND closed_at IS NOT NULL
        ), counted AS (
            SELECT country, n / {count} AS nth, max(closed_at) + interval '5 days' AS started_at, array_agg(id) AS ids
            FROM ranked WHERE n < 0.9 * (SELECT count(*) FROM ranked r WHERE r.country = ranked.country) OR n < {count}
            GROUP BY 1, 2 HAVING count(*) = {count}
        ), made AS (
            INSERT INTO run (id, stage, country, started_at, closed_at, facility_id, operator_id, user_id, line_id)
            SELECT (SELECT max(id) FROM run) + row_number() OVER (ORDER BY c.started_at, c.country), '{stage}', c.country,
                c.started_at, c.started_at + interval '20 hours', l.facility_id, l.operator_id, l.user_id, l.line_id
            FROM counted c JOIN line l ON l.kind = '{stage}' AND l.country = c.country AND l.n = c.nth % l.in_country
            RETURNING id, country, started_at
        )
        UPDATE run SET into_id = made.id
        FROM counted c JOIN made ON made.country = c.country AND made.started_at = c.started_at, unnest(c.ids) member (id)
        WHERE run.id = member.id
        """,
    )


def stage_steps(stage: str, content: str) -> list[tuple[str, str]]:
    """Outputs of the batches of a stage, and the way of their intermediates into the next."""
    return [
        (
            f"what {stage} makes",
            f"""
            CREATE TEMP TABLE made_by_{stage} ON COMMIT DROP AS
            WITH content AS ({content}), share AS (
                SELECT stage, position, material, bound, x.element, x.share FROM recipe
                CROSS JOIN LATERAL unnest(elements, shares) x (element, share) WHERE stage = '{stage}'
            )
            SELECT run.id * 10 + s.position AS lot_id, run.id AS batch_id, s.material, s.element, c.kg * s.share AS kg,
                round(sum(c.kg * s.share) OVER (PARTITION BY run.id, s.position) * s.bound, 3) AS mass
            FROM run JOIN content c ON c.batch_id = run.id JOIN share s ON s.element = c.element
            WHERE run.closed_at IS NOT NULL
            """,
        ),
        (
            f"lots of {stage}",
            f"""
            INSERT INTO collection_lot (id, number, owner_id, material_id, mass_value, mass_unit, moisture, status, facility_id,
                                        origin, made_at, is_simulated)
            SELECT m.lot_id, 'B' || m.batch_id || '/' || m.material, run.operator_id, m.material, m.mass, 'kg', 0, f.status,
                CASE WHEN f.status = 'in_stock' THEN run.facility_id END, '', run.closed_at - interval '2 hours', true
            FROM (SELECT DISTINCT lot_id, batch_id, material, mass FROM made_by_{stage} WHERE mass > 0) m
            JOIN run ON run.id = m.batch_id JOIN collection_material x ON x.code = m.material
            CROSS JOIN LATERAL (
                SELECT CASE WHEN x.kind = 'intermediate' AND run.into_id IS NOT NULL THEN 'consumed'
                            WHEN x.kind = 'product' AND run.id % 4 > 0 THEN 'sold'
                            WHEN x.kind = 'residue' AND run.id % 3 > 0 THEN 'landfilled' ELSE 'in_stock' END AS status
            ) f
            """,
        ),
        (
            f"outputs of {stage}",
            f"INSERT INTO recycling_output (batch_id, lot_id) SELECT DISTINCT batch_id, lot_id FROM made_by_{stage} WHERE mass > 0",
        ),
        (
            f"assays of {stage}",
            f"""
            INSERT INTO collection_assay (lot_id, element, fraction)
            SELECT lot_id, element, least(1, round(kg / mass, 8)) FROM made_by_{stage} WHERE mass > 0
            """,
        ),
        (
            f"intermediates of {stage} charged",
            f"""
            INSERT INTO recycling_charge (batch_id, lot_id, mass_kg, charged_at)
            SELECT run.into_id, lot.id, lot.mass_kg, next.started_at
            FROM collection_lot lot JOIN run ON run.id = lot.id / 10 JOIN run next ON next.id = run.into_id
            WHERE run.stage = '{stage}' AND lot.status = 'consumed'
            """,
        ),
    ]


STEPS: list[tuple[str, str]] = [
    (
        "intakes",
        f"""
        INSERT INTO recycling_intake (id, plant_id, shipment_id, ticket, weighed_at, gross_value, tare_value, unit,
                                      recorded_by_id, recorded_at, note, is_simulated)
        SELECT t.id, t.plant_id, t.id, 'T' || t.id, t.received_at, 15000 + sum(b.mass_value), 15000, 'kg', t.recycler_user_id,
            t.received_at, '', true
        FROM {LOADED} WHERE t.kind IN ('charged', 'waiting') GROUP BY t.id, t.plant_id, t.received_at, t.recycler_user_id
        """,
    ),
    (
        "packs weighed",
        f"""
        INSERT INTO recycling_intakebattery (intake_id, battery_id, declared_kg, received_value, unit)
        SELECT t.id, b.id, b.mass_kg, b.mass_value, 'kg' FROM {LOADED} WHERE t.kind IN ('charged', 'waiting')
        """,
    ),
    (
        "inspections",
        f"""
        INSERT INTO recycling_inspection (plant_id, battery_id, inspected_at, state_of_health, condition, decision, note,
                                          inspector_id)
        SELECT t.plant_id, b.id, t.inspected_at, b.state_of_health, b.condition,
            CASE WHEN b.status = 'second_life' THEN 'reuse' ELSE 'recycle' END, '', t.recycler_user_id
        FROM {LOADED} WHERE b.state_of_health IS NOT NULL
        """,
    ),
    ("recipes", f"CREATE TEMP TABLE recipe ON COMMIT DROP AS {RECIPES}"),
    (
        "plan of the first stage",
        """
        CREATE TEMP TABLE run ON COMMIT DROP AS
        SELECT k.batch_id::bigint AS id, 'preprocess' AS stage, l.country, k.started_at,
            CASE WHEN k.batch_id <= $batches - $open_batches THEN k.started_at + interval '12 hours' END AS closed_at,
            l.facility_id, l.operator_id, l.user_id, l.line_id, NULL::bigint AS into_id
        FROM (SELECT batch_id, max(inspected_at) + interval '2 days' AS started_at FROM truck WHERE kind = 'charged' GROUP BY 1) k
        JOIN line l ON l.kind = 'preprocess' AND l.i = (k.batch_id - 1) % 40
        """,
    ),
    grouped("hydro", "preprocess", 9),
    grouped("refine", "hydro", 3),
    (
        "batches",
        """
        INSERT INTO recycling_batch (id, line_id, number, started_at, closed_at, status, explanation, reason, is_simulated)
        SELECT id, line_id, 'B' || id, started_at, closed_at, CASE WHEN closed_at IS NULL THEN 'open' ELSE 'closed' END, '', '',
            true
        FROM run
        """,
    ),
    (
        "packs charged",
        f"""
        INSERT INTO recycling_charge (batch_id, battery_id, mass_kg, composition_id, content_kwh, producer_id, placed_in_id,
            is_claimed, charged_at)
        SELECT run.id, b.id, b.mass_kg, b.composition_id, b.content_kwh, b.producer_id, b.placed_in_id,
            b.producer_id IS NOT NULL AND b.producer_ground = 'claimed', run.started_at
        FROM {LOADED} JOIN run ON run.id = t.batch_id
        """,
    ),
    (
        "ledger: charged",
        f"""
        {ENTRY}
        SELECT b.id, 5, 'charged', run.started_at, run.started_at, t.plant_facility_id, NULL, t.recycler_id, NULL, NULL, NULL,
            'consumed', b.mass_kg, 'batch ' || run.id, '', t.recycler_user_id
        FROM {LOADED} JOIN run ON run.id = t.batch_id
        """,
    ),
    *stage_steps("preprocess", CONTENT_OF_PACKS),
    *stage_steps("hydro", CONTENT_OF_LOTS.format(stage="hydro")),
    *stage_steps("refine", CONTENT_OF_LOTS.format(stage="refine")),
    (
        "reagents",
        """
        INSERT INTO recycling_reagent (batch_id, name, mass_value, unit)
        SELECT g.batch_id, 'sulfuric acid and water', 9 * sum(g.mass_kg), 'kg'
        FROM recycling_charge g JOIN run ON run.id = g.batch_id AND run.stage <> 'preprocess' GROUP BY 1
        """,
    ),
    (
        "ways of lots",
        """
        CREATE TEMP TABLE way ON COMMIT DROP AS
        SELECT lot.id AS lot_id, lot.status, lot.mass_kg, lot.made_at, run.id AS batch_id, run.closed_at, run.facility_id,
            run.operator_id, run.user_id, next.id AS next_id, next.facility_id AS next_facility_id,
            next.operator_id AS next_operator_id, next.user_id AS next_user_id, next.started_at AS charged_at,
            party.id AS collector_id, party.user_id AS collector_user_id,
            CASE WHEN next.id IS NOT NULL THEN $trucks + row_number() OVER (ORDER BY next.id IS NULL, lot.id) END AS shipment_id
        FROM collection_lot lot JOIN run ON run.id = lot.id / 10
        LEFT JOIN run next ON next.id = run.into_id AND lot.status = 'consumed'
        JOIN party ON party.kind = 'collector'
        """,
    ),
    (
        "shipments of lots",
        """
        INSERT INTO collection_shipment (id, shipper_id, origin_id, destination_id, carrier_id, vehicle, planned_at,
            dispatched_at, arrived_at, received_at, status, reason, created_at, is_simulated)
        SELECT shipment_id, operator_id, facility_id, next_facility_id, collector_id, '', closed_at + interval '1 day',
            closed_at + interval '1 day', closed_at + interval '2 days', closed_at + interval '2 days', 'closed', '', closed_at,
            true
        FROM way WHERE shipment_id IS NOT NULL
        """,
    ),
    (
        "lines of lots",
        """
        INSERT INTO collection_shipmentline (shipment_id, lot_id, declared_value, unit, outcome, reason)
        SELECT shipment_id, lot_id, mass_kg, 'kg', 'accepted', '' FROM way WHERE shipment_id IS NOT NULL
        """,
    ),
    (
        "hand-overs of lots",
        f"""
        {HANDOVER}
        SELECT DISTINCT shipment_id * 2, operator_id, collector_id, facility_id, shipment_id, closed_at + interval '1 day',
            closed_at, 'person', user_id, NULL::bigint, 'own', collector_user_id
        FROM way WHERE shipment_id IS NOT NULL
        UNION ALL
        SELECT DISTINCT shipment_id * 2 + 1, collector_id, next_operator_id, next_facility_id, shipment_id,
            closed_at + interval '2 days', closed_at, 'dispatch', collector_user_id, NULL::bigint, 'own', next_user_id
        FROM way WHERE shipment_id IS NOT NULL
        """,
    ),
    (
        "ledger of lots",
        f"""
        {HANDED_OVER.replace("battery_id", "lot_id")}
        SELECT lot_id, 1, 'produced', made_at, made_at, NULL::bigint, NULL::bigint, NULL::bigint, facility_id, NULL::bigint, operator_id, 'in_stock', mass_kg,
            'batch ' || batch_id, '', user_id, NULL::bigint
        FROM way
        UNION ALL
        SELECT lot_id, 2, 'disposed', closed_at + interval '3 days', closed_at, facility_id, NULL, operator_id, NULL, NULL, NULL,
            status, mass_kg, '', 'Bench market', user_id, NULL
        FROM way WHERE status IN ('sold', 'landfilled')
        UNION ALL
        SELECT lot_id, 2, 'dispatched', closed_at + interval '1 day', closed_at, facility_id, NULL, operator_id, NULL, shipment_id,
            collector_id, 'in_transit', mass_kg, 'shipment ' || shipment_id, '', collector_user_id, shipment_id * 2
        FROM way WHERE shipment_id IS NOT NULL
        UNION ALL
        SELECT lot_id, 3, 'received', closed_at + interval '2 days', closed_at, NULL, shipment_id, collector_id, next_facility_id,
            NULL, next_operator_id, 'in_stock', mass_kg, 'shipment ' || shipment_id, '', next_user_id, shipment_id * 2 + 1
        FROM way WHERE shipment_id IS NOT NULL
        UNION ALL
        SELECT lot_id, 4, 'charged', charged_at, charged_at, next_facility_id, NULL, next_operator_id, NULL, NULL, NULL,
            'consumed', mass_kg, 'batch ' || next_id, '', next_user_id, NULL
        FROM way WHERE shipment_id IS NOT NULL
        """,
    ),
]
