"""manage.py checkbooks: whether the books are whole, after a restore or whenever one wants to know."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from collection.queries import reconcile as custody
from recycling.models import EprReport
from recycling.queries import reconcile as trace
from recycling.queries.report_proof import verify


class Command(BaseCommand):
    """Reconciles, then computes every filed report anew from what is kept with it and compares figures and hash."""

    help = "Look for broken invariants, and verify every report that was filed; exit 1 if anything is wrong."

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for found in (*custody.findings(), *trace.findings()):
            wrong += 1
            self.stdout.write(f"{found.rule}: {found.record}: {found.detail}")
        filed = EprReport.objects.exclude(content_hash="").order_by("pk")
        number = filed.count()
        for report in filed.iterator(chunk_size=100):
            verified = verify(report)
            if not verified.agrees:
                wrong += 1
                what = "figures" if not verified.figures_agree else "hash"
                self.stdout.write(f"report {report.pk}: its {what} do not follow from what it keeps")
        if wrong:
            self.stderr.write(self.style.ERROR(f"{wrong} found; {number} filed reports verified"))
            sys.exit(1)
        self.stdout.write(f"The books are whole: nothing found, {number} filed reports verified.")
