from django.db import migrations


class Migration(migrations.Migration):
    """What was California's placements is statistics now: which pack that is, and what it rests on, goes with them."""

    dependencies = [("recycling", "0009_statistics_say_which_pack")]

    operations = [
        migrations.RunSQL(
            """
            UPDATE recycling_marketstatistic m SET chemistry_by = p.chemistry_by, vehicle_id = p.vehicle_id,
                chemistry_confidence = p.chemistry_confidence, pattern_id = p.pattern_id
            FROM recycling_marketplacement p
            WHERE p.source_key = m.source_key AND p.producer_id = m.producer_id AND p.status = 'superseded'
            """,
            migrations.RunSQL.noop,
        )
    ]
