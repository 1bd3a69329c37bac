"""EPR schemes and their targets, from `recycling/reference/`. Legal numbers come from nowhere else."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.actors import Actor
from collection.services.reference import Tally, read, settle
from recycling.models import EprScheme, EprTarget

FOLDER = Path(__file__).resolve().parent.parent / "reference"


@transaction.atomic
def load_reference(actor: Actor, *, folder: Path = FOLDER) -> dict[str, Tally]:
    """Bring schemes and targets to what the files of `folder` say. Only the platform may. Idempotent.

    What a filed report says about targets was copied into its lines, so it stays as it was.
    """
    actor.require_platform()
    schemes = settle(
        EprScheme,
        ("code", "version"),
        {
            (row["code"], row["version"]): {
                "name": row["name"],
                "jurisdiction_id": row["jurisdiction"] or None,
                "shape": row["report_shape"],
                "families": row["families"].split(),
                "counts_by": row["counts_by"],
                "counts_source": row["counts_source"],
                "counts_confidence": row["counts_confidence"],
                "valid": DateRange(_day(row["valid_from"]), _day(row["valid_to"])),
                "legal_status": row["legal_status"],
                "citation": row["citation"],
                "source": row["source"],
                "confidence": row["confidence"],
                "note": row["note"],
                "first_period_start": _day(row["first_period_start"]),
                "first_due_on": _day(row["first_report_due"]),
                "due_source": row["due_source"],
                "due_confidence": row["due_confidence"],
            }
            for row in read(folder, "epr_schemes")
        },
    )
    newest = {scheme.code: scheme.pk for scheme in EprScheme.objects.order_by("valid")}
    targets = settle(
        EprTarget,
        ("scheme_id", "metric", "family", "element", "applies_from"),
        {
            (
                newest[row["scheme"]],
                row["metric"],
                row["chemistry_family"],
                row["element"],
                date.fromisoformat(row["applies_from"]),
            ): {
                "percent": Decimal(row["value_percent"]),
                "legal_status": row["legal_status"],
                "source": row["source"],
                "confidence": row["confidence"],
            }
            for row in read(folder, "epr_targets")
        },
    )
    return {"EPR schemes": schemes, "EPR targets": targets}


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
