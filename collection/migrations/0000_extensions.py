from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations


class Migration(migrations.Migration):
    """Exclusion constraints compare keys for equality beside ranges for overlap, which needs btree_gist."""

    dependencies = []
    operations = [BtreeGistExtension()]
