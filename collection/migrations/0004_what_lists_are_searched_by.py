from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Indexes that lists are searched by."""

    dependencies = [
        ('accounts', '0001_initial'),
        ('collection', '0003_ledger_by_time'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='battery',
            index=models.Index(condition=models.Q(('condition', 'intact'), _negated=True), fields=['condition', 'id'], name='battery_not_intact'),
        ),
        migrations.AddIndex(
            model_name='custodyevent',
            index=models.Index(condition=models.Q(('kind__in', ['rejected', 'uncharged', 'released', 'split', 'disposed', 'lost', 'found', 'corrected'])), fields=['kind', 'id'], name='custody_event_rare'),
        ),
        migrations.RemoveIndex(
            model_name='identifier',
            name='identifier_value',
        ),
        migrations.AddIndex(
            model_name='custodyevent',
            index=models.Index(condition=models.Q(('reference', ''), _negated=True), fields=['reference'], name='custody_event_reference'),
        ),
        migrations.AddIndex(
            model_name='identifier',
            index=models.Index(models.Func(models.F('value'), models.Value('abcdefghijklmnopqrstuvwxyz -'), models.Value('ABCDEFGHIJKLMNOPQRSTUVWXYZ'), function='translate', output_field=models.CharField()), name='identifier_searched'),
        ),
        migrations.AddIndex(
            model_name='lot',
            index=models.Index(fields=['number'], name='lot_number'),
        ),
        # Else the planner takes any search for one that finds much, until the table is analyzed by itself.
        migrations.RunSQL('ANALYZE collection_identifier', migrations.RunSQL.noop),
    ]
