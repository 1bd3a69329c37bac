"""manage.py reconcile: look for whatever breaks an invariant."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from collection.queries import reconcile as custody
from recycling.queries import reconcile as trace


class Command(BaseCommand):
    help = (
        "Look for records that break an invariant (one place, mass, credit); print them, and exit 1 if there are any."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        number = 0
        for found in (*custody.findings(), *trace.findings()):
            number += 1
            self.stdout.write(f"{found.rule}: {found.record}: {found.detail}")
        if number:
            self.stderr.write(self.style.ERROR(f"{number} found"))
            sys.exit(1)
        self.stdout.write("Nothing found: custody, mass and credit agree.")
