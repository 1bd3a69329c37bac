from django.db import migrations


class Migration(migrations.Migration):
    """Of lots from before it is known that they have an assay, and whether their material has a stoichiometry."""

    dependencies = [("collection", "0014_by_the_annex")]

    operations = [
        migrations.RunSQL(
            """
            UPDATE collection_lot l SET assay_basis = CASE
                WHEN EXISTS (SELECT 1 FROM collection_materialelement m WHERE m.material_id = l.material_id) THEN 'pure'
                ELSE 'measured' END
            WHERE EXISTS (SELECT 1 FROM collection_assay a WHERE a.lot_id = l.id)
            """,
            migrations.RunSQL.noop,
        )
    ]
