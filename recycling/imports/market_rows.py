"""What files of a market have in common, whoever wrote them: a place, a period, and a model or chemistry, or all of them."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from collection.imports import reference
from collection.imports.engine import Faults
from collection.imports.stage import StagedImporter


class MarketImporter(StagedImporter):
    def __init__(self) -> None:
        self._jurisdiction, self._model, self._chemistry = (
            reference.jurisdiction(), reference.battery_model(), reference.chemistry(),
        )  # fmt: skip

    def _contradicts(
        self, line: int, faults: Faults, start: date, end: date, model: Any, chemistry: str | None
    ) -> bool:
        """Whether a row contradicts itself, which is faulted."""
        if end < start:
            faults.add(line, "period_end", _("The period ends before it begins."), end)
        elif model is not None and chemistry not in (None, model.chemistry_id):
            message = _("%(model)s is %(chemistry)s.") % {"model": model, "chemistry": model.chemistry_id}
            faults.add(line, "chemistry", message, chemistry)
        else:
            return False
        return True
