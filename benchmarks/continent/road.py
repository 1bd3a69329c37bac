"""Packs from the vehicle to the gate of the plant: batteries, identifiers, pickups, shipments, ledger.

Batteries, pickups and shipments have the numbers of packs and trucks as ids. Ten truckloads of a plant are a batch;
trucks of all plants take turns, so what is charged together does not stand together in the tables.
"""

from benchmarks.continent import who

#: The battery models whose listed contents fit into the made-up masses, each with the producer that sells it: every
#: eighth is of the first, which is by far the largest.
MODELS = f"""
    SELECT m.*, c.id AS composition_id, o.id AS producer_id, o.name AS producer, count(*) OVER () AS models
    FROM (
        SELECT id, chemistry_id, rated_kwh, row_number() OVER (ORDER BY id) - 1 AS n
        FROM collection_batterymodel WHERE rated_kwh BETWEEN 10 AND 60
    ) m
    JOIN collection_composition c ON c.chemistry_id = m.chemistry_id AND c.is_default
    JOIN party o ON o.kind = 'producer'
        AND o.n = CASE WHEN m.n % 8 = 0 THEN 0 ELSE (m.n - m.n / 8) % {who.PRODUCERS - 1} + 1 END
"""

BATTERY = """
    INSERT INTO collection_battery (id, model_id, producer_id, producer_ground, chemistry_id, composition_id, rated_kwh, content_kwh,
        mass_value, mass_unit, form, placed_in_id, placed_on, condition, state_of_health, status, facility_id, shipment_id,
        registered_by_id, registered_at, is_simulated)
"""

ENTRY = """
    INSERT INTO collection_custodyevent (battery_id, sequence, kind, occurred_at, recorded_at, from_facility_id,
        from_shipment_id, from_organization_id, to_facility_id, to_shipment_id, to_organization_id, to_status, mass_kg,
        reference, note, actor_id)
"""

#: The same where custody passes from one organization to another.
HANDED_OVER = ENTRY.replace("actor_id)", "actor_id, handover_id)")

#: Shipments have two hand-overs at most: as the truck leaves, with twice its number, and as it is unloaded, with the next.
HANDOVER = """
    INSERT INTO collection_handover (id, giver_id, taker_id, facility_id, shipment_id, occurred_at, recorded_at, giver_means,
        giver_by_id, giver_relation_id, taker_means, taker_by_id)
"""

#: The batteries on their trucks.
LOADED = "collection_battery b JOIN truck t ON t.id = (b.id - 1) / 26 + 1"

STEPS: list[tuple[str, str]] = [
    (
        "trucks",
        """
        CREATE TEMP TABLE truck ON COMMIT DROP AS
        SELECT k.n + 1 AS id, k.kind, k.batch_id, k.collected_at, k.collected_at - interval '3 days' AS given_up_at,
            k.collected_at + interval '1 day' AS received_at, k.collected_at + interval '2 days' AS inspected_at,
            p.facility_id AS plant_facility_id, p.plant_id, p.operator_id AS recycler_id, p.user_id AS recycler_user_id,
            y.point_id, y.facility_id AS yard_id, y.operator_id AS salvager_id, y.user_id AS salvager_user_id,
            y.jurisdiction, y.country, collector.id AS collector_id, collector.user_id AS collector_user_id
        FROM (
            SELECT n,
                CASE WHEN n < $charged_trucks THEN 'charged' WHEN n < $charged_trucks + $waiting_trucks THEN 'waiting'
                     WHEN n < $trucks - $announced_trucks THEN 'travelling' ELSE 'announced' END AS kind,
                CASE WHEN n < $charged_trucks THEN
                    n / 400 * 40 + (n % 400) % least(40, $batches - n / 400 * 40) + 1 END AS batch_id,
                make_timestamptz($year, 1, 5, 9, 0, 0, 'UTC') + n * (interval '345 days' / $trucks) AS collected_at
            FROM generate_series(0, $trucks - 1) n
        ) k
        JOIN line p ON p.kind = 'preprocess' AND p.i = coalesce(k.batch_id - 1, k.n) % 40
        JOIN yard y ON y.country = p.country AND y.n = k.n * 11 % y.in_country
        JOIN party collector ON collector.kind = 'collector'
        """,
    ),
    ("models", f"CREATE TEMP TABLE pack_model ON COMMIT DROP AS {MODELS}"),
    (
        "packs that were given up",  # one in 33 an orphan, one in 50 damaged, four of five where they were sold
        f"""
        {BATTERY}
        SELECT i, m.id, CASE WHEN i % 33 > 0 THEN m.producer_id END,
            CASE WHEN i % 33 > 0 AND i % 40 > 0 THEN 'registration_file' ELSE 'claimed' END, m.chemistry_id, m.composition_id,
            m.rated_kwh,
            m.rated_kwh, round(m.rated_kwh * 6.5) + 60 + i % 60, 'kg', 'pack',
            CASE WHEN i % 5 > 0 THEN t.jurisdiction ELSE place.code END,
            make_date($year - 10, 1, 1) + (i * 7919 % 700)::int, CASE WHEN i % 50 = 0 THEN 'damaged' ELSE 'intact' END,
            CASE WHEN t.kind = 'charged' OR (t.kind = 'waiting' AND fate.n < 3) THEN 0.5 + i % 300 * 0.001 END,
            CASE WHEN t.kind = 'charged' THEN 'consumed' WHEN t.kind = 'travelling' THEN 'in_transit'
                 WHEN t.kind = 'waiting' AND fate.n = 0 THEN 'second_life' ELSE 'at_facility' END,
            CASE WHEN t.kind = 'announced' THEN t.yard_id WHEN t.kind = 'waiting' AND fate.n > 0 THEN t.plant_facility_id END,
            CASE WHEN t.kind = 'travelling' THEN t.id END,
            t.salvager_id, t.given_up_at, true
        FROM generate_series(1, $packs::bigint) i
        JOIN truck t ON t.id = (i - 1) / 26 + 1
        JOIN pack_model m ON m.n = i * 31 % m.models
        JOIN place ON place.n = i * 13 % 96
        CROSS JOIN LATERAL (SELECT CASE WHEN i % 50 = 0 THEN 4 ELSE i % 5 END AS n) fate
        """,
    ),
    (
        "vehicles in use",
        f"""
        {BATTERY}
        SELECT $packs + i, m.id, m.producer_id, 'registered_by_producer', m.chemistry_id, m.composition_id, m.rated_kwh, m.rated_kwh,
            round(m.rated_kwh * 6.5) + 60 + i % 60, 'kg', 'pack', place.code,
            make_date($year - (i % 5)::int, 1, 1) + (i * 7919 % 365)::int, 'intact', NULL, 'in_use', NULL, NULL,
            m.producer_id, now(), true
        FROM generate_series(1, $in_use::bigint) i
        JOIN pack_model m ON m.n = i * 31 % m.models
        JOIN place ON place.n = i * 13 % 96
        """,
    ),
    (
        "a function for check digits",
        """
        CREATE FUNCTION pg_temp.vin(i bigint) RETURNS text LANGUAGE sql IMMUTABLE RETURN
            '1BN' || substr(lpad(i::text, 11, '0'), 1, 5) || substr('0123456789X', 1 + (
                78 + i / 10000000000 % 10 * 5 + i / 1000000000 % 10 * 4 + i / 100000000 % 10 * 3 + i / 10000000 % 10 * 2
                + i / 1000000 % 10 * 10 + i / 100000 % 10 * 7 + i / 10000 % 10 * 6 + i / 1000 % 10 * 5 + i / 100 % 10 * 4
                + i / 10 % 10 * 3 + i % 10 * 2)::int % 11, 1) || 'SA' || substr(lpad(i::text, 11, '0'), 6)
        """,
    ),
    (
        "identifiers",  # a VIN each; who takes a pack out of its vehicle reads the serial number, too
        """
        INSERT INTO collection_identifier (battery_id, scheme, issuer, value)
        SELECT id, 'vin', '', pg_temp.vin(id) FROM collection_battery
        UNION ALL
        SELECT b.id, 'oem_serial', m.producer, 'SN' || lpad(b.id::text, 10, '0')
        FROM collection_battery b JOIN pack_model m ON m.id = b.model_id AND b.id <= $packs
        """,
    ),
    (
        "shipments of packs",
        """
        INSERT INTO collection_shipment (id, shipper_id, origin_id, destination_id, carrier_id, vehicle, planned_at,
            dispatched_at, arrived_at, received_at, status, reason, created_at, is_simulated)
        SELECT id, salvager_id, yard_id, plant_facility_id, collector_id, 'truck ' || id % 500, collected_at, collected_at,
            CASE WHEN kind <> 'travelling' THEN received_at END, CASE WHEN kind <> 'travelling' THEN received_at END,
            CASE kind WHEN 'travelling' THEN 'in_transit' WHEN 'waiting' THEN 'received' ELSE 'closed' END, '',
            collected_at, true
        FROM truck WHERE kind <> 'announced'
        """,
    ),
    (
        "packages",
        f"""
        INSERT INTO collection_package (id, shipment_id, label, kind, packing_instruction, un_number)
        SELECT id * 2, id, '1', 'sound', 'P903', 'UN3480' FROM truck WHERE kind <> 'announced'
        UNION ALL
        SELECT DISTINCT t.id * 2 + 1, t.id, 'DDR', 'damaged', 'P908', 'UN3480'
        FROM {LOADED} WHERE b.id <= $packs AND b.condition = 'damaged' AND t.kind <> 'announced'
        """,
    ),
    (
        "shipment lines",
        f"""
        INSERT INTO collection_shipmentline (shipment_id, battery_id, package_id, declared_value, unit, outcome, reason)
        SELECT t.id, b.id, t.id * 2 + (b.condition = 'damaged')::int, b.mass_value, 'kg',
            CASE t.kind WHEN 'travelling' THEN 'open' ELSE 'accepted' END, ''
        FROM {LOADED} WHERE t.kind <> 'announced'
        """,
    ),
    (
        "pickups",
        """
        INSERT INTO collection_pickup (id, collection_point_id, collector_id, packs_expected, condition, convenient_from,
            convenient_until, notes, carrier_id, vehicle, destination_id, window_start, window_end, status, reason,
            collected_at, shipment_id, requested_at, is_simulated, giver_means, giver_relation_id, carrier_means, carrier_by_id)
        SELECT truck.id, point_id, collector_id, 26, 'intact', given_up_at, given_up_at + interval '10 days', '', collector_id, '',
            plant_facility_id, collected_at, collected_at + interval '4 hours',
            CASE WHEN truck.kind <> 'announced' THEN 'collected' WHEN truck.id % 2 = 0 THEN 'scheduled' ELSE 'requested' END, '',
            CASE WHEN truck.kind <> 'announced' THEN collected_at END, CASE WHEN truck.kind <> 'announced' THEN truck.id END,
            given_up_at, true, 'relation', r.id, 'own', collector_user_id
        FROM truck JOIN collection_relation r ON r.giver_id = salvager_id AND r.taker_id = collector_id
        """,
    ),
    (
        "packs announced",
        f"""
        INSERT INTO collection_pickupbattery (pickup_id, battery_id, is_open)
        SELECT t.id, b.id, t.kind = 'announced' FROM {LOADED}
        """,
    ),
    (
        "hand-overs of packs",
        f"""
        {HANDOVER}
        SELECT t.id * 2, salvager_id, collector_id, yard_id, t.id, collected_at, collected_at, 'relation', NULL, r.id, 'own',
            collector_user_id
        FROM truck t JOIN collection_relation r ON r.giver_id = salvager_id AND r.taker_id = collector_id
        WHERE t.kind <> 'announced'
        UNION ALL
        SELECT id * 2 + 1, collector_id, recycler_id, plant_facility_id, id, received_at, received_at, 'dispatch',
            collector_user_id, NULL, 'own', recycler_user_id
        FROM truck WHERE kind IN ('charged', 'waiting')
        """,
    ),
    (
        "ledger: given up",
        f"""
        {ENTRY}
        SELECT b.id, 1, 'given_up', t.given_up_at, t.given_up_at, NULL, NULL, NULL, t.yard_id, NULL, t.salvager_id,
            'at_facility', b.mass_kg, 'pickup ' || t.id, '', t.salvager_user_id
        FROM {LOADED}
        """,
    ),
    (
        "ledger: dispatched",
        f"""
        {HANDED_OVER}
        SELECT b.id, 2, 'dispatched', t.collected_at, t.collected_at, t.yard_id, NULL, t.salvager_id, NULL, t.id,
            t.collector_id, 'in_transit', b.mass_kg, 'shipment ' || t.id, '', t.collector_user_id, t.id * 2
        FROM {LOADED} WHERE t.kind <> 'announced'
        """,
    ),
    (
        "ledger: received",
        f"""
        {HANDED_OVER}
        SELECT b.id, 3, 'received', t.received_at, t.received_at, NULL, t.id, t.collector_id, t.plant_facility_id, NULL,
            t.recycler_id, 'at_facility', b.mass_kg, 'shipment ' || t.id, '', t.recycler_user_id, t.id * 2 + 1
        FROM {LOADED} WHERE t.kind IN ('charged', 'waiting')
        """,
    ),
    (
        "ledger: inspected",
        f"""
        {ENTRY}
        SELECT b.id, 4, 'inspected', t.inspected_at, t.inspected_at, t.plant_facility_id, NULL, t.recycler_id,
            t.plant_facility_id, NULL, t.recycler_id, 'at_facility', NULL, '', '', t.recycler_user_id
        FROM {LOADED} WHERE b.state_of_health IS NOT NULL
        """,
    ),
    (
        "ledger: released to a further use",
        f"""
        {ENTRY}
        SELECT b.id, 5, 'released', t.inspected_at + interval '1 day', t.inspected_at, t.plant_facility_id, NULL, t.recycler_id,
            NULL, NULL, NULL, 'second_life', b.mass_kg, '', 'Bench storage', t.recycler_user_id
        FROM {LOADED} WHERE b.status = 'second_life'
        """,
    ),
]
