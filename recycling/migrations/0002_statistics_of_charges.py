from django.db import migrations


class Migration(migrations.Migration):
    """Tells the planner how few sums the charges of very many batteries come to (`queries/epr.py`)."""

    dependencies = (("recycling", "0001_initial"),)
    operations = (
        migrations.RunSQL(
            "CREATE STATISTICS charge_whose (ndistinct) ON producer_id, placed_in_id, composition_id FROM recycling_charge",
            "DROP STATISTICS charge_whose",
        ),
    )
