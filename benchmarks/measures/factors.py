"""Recovery factors of all batches, and after one of the last stage turned up late with all that went into it."""

from __future__ import annotations

from django.utils import timezone

from benchmarks import clock
from benchmarks.results import Results
from recycling.models import Batch
from recycling.services import factors


def measure(results: Results) -> None:
    everything = clock.several(factors.refresh_all, results.repeat)
    results.took("all of them", everything, yardstick=everything, note=f"{Batch.objects.count():,} batches")
    last = Batch.objects.filter(line__stage="refine", status="closed").order_by("-pk")[0].pk
    looked_at: list[int] = []

    def one_late_batch() -> None:
        Batch.objects.filter(pk=last).update(stale_since=timezone.now())
        looked_at.append(factors.refresh())

    late = clock.several(one_late_batch, results.repeat)
    results.took("after one late batch", late, yardstick=everything, note=f"{looked_at[0]} batches")
