"""What decides who sees a thing is asked as the owner, or its own policies would be asked of what it looks at (ADR 25)."""

from django.db import migrations

NAMES = ("battery", "lot")
ALTER = "ALTER FUNCTION collection_sees_{} (bigint, bigint[], text[]) SECURITY {}"


class Migration(migrations.Migration):
    dependencies = [("collection", "0009_numbers_that_look_alike")]

    operations = [migrations.RunSQL(ALTER.format(name, "DEFINER"), ALTER.format(name, "INVOKER")) for name in NAMES]
