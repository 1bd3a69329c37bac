"""Lists of records that somebody sees part of, such as pickups, shipments, intakes, batches and reports.

Who sees one is said by `visible_to`, as a filter. Of such a filter the planner cannot know how many rows pass: it walks
through all records from the newest, in the belief that it will soon have a page. So the newest are looked at first, as
many as make a page for whoever sees a third; then the records of each organization and place are looked up by its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

from django.db import connection, models
from django.db.models import Q

from accounts.acting import as_platform, saw
from accounts.models import Viewer
from collection.models.sight import LOOKED_AT, Whose


class RecordQuerySet[M: models.Model](models.QuerySet[M]):
    """Records with `whose`: the fields that lead to whose they are, by the name of what they hold (as in `Tie`).

    Of a path such as `intake__plant.facility`, the keys of the plants are looked up first: there are few.
    """

    whose: ClassVar[dict[str, Sequence[str]]]
    #: Whom `visible_to` was asked for, if not everything is seen.
    viewer: Viewer | None = None

    def branches(self, whose: Whose) -> Iterator[Q]:
        """What is seen from `whose`, by the keys of columns: of a key the planner knows how many rows have it."""
        for held, paths in self.whose.items():
            for path in paths:
                column, _dot, beyond = path.partition(".")
                keys = getattr(whose, held)
                if keys and beyond:
                    few = _model_at(self.model, column)._default_manager.filter(**{f"{beyond}__in": keys})
                    keys = list(few.values_list("pk", flat=True))
                if keys:
                    yield Q(**{f"{column}__in": keys})

    def seen_by(self, viewer: Viewer, condition: Q) -> Self:
        """Those that `condition` lets `viewer` see."""
        rows = self.filter(condition)
        rows.viewer = viewer
        return rows

    def _clone(self) -> Self:
        rows: Self = super()._clone()  # type: ignore[misc]
        rows.viewer = self.viewer
        return rows

    def head(self, most: int, *, ascending: bool = False, beyond: Any = None) -> Self:
        """The newest (`ascending`: oldest) `most` of these, on the far side of the key `beyond`."""
        if self.viewer is None:
            return self
        with as_platform():
            found = self._first_keys(most, ascending, beyond)
        saw(self.model, found)
        return self.filter(pk__in=found)

    def _first_keys(self, most: int, ascending: bool, beyond: Any) -> list[Any]:
        order, side = ("pk", "pk__gt") if ascending else ("-pk", "pk__lt")
        beyond_it = Q() if beyond is None else Q(**{side: beyond})
        newest = self.model._default_manager.filter(beyond_it).order_by(order).values_list("pk", flat=True)
        looked_at = list(newest[: most * LOOKED_AT])
        rows = self.order_by(order).filter(beyond_it)
        found = list(rows.filter(pk__in=looked_at).values_list("pk", flat=True)[:most])
        if len(found) < most and len(looked_at) == most * LOOKED_AT:
            found = self._looked_up(beyond_it, "ASC" if ascending else "DESC", most)
        return found

    def _looked_up(self, beyond_it: Q, order: str, most: int) -> list[Any]:
        """`OFFSET 0`: the records are looked up first and put in order then, never the other way round."""
        whose = Whose.of(self.viewer)  # type: ignore[arg-type]
        rows = self.filter(beyond_it).order_by().values("pk")
        parts = [rows.filter(branch).query.sql_with_params() for branch in self.branches(whose)]
        if not parts:
            return []
        union = " UNION ".join(f"(SELECT * FROM ({sql} OFFSET 0) part)" for sql, _values in parts)  # noqa: S608 - composed of constants
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT id FROM ({union}) found (id) ORDER BY 1 {order} LIMIT %s",  # noqa: S608 - composed of constants
                [value for _sql, values in parts for value in values] + [most],
            )
            return [key for (key,) in cursor.fetchall()]


def _model_at(model: type[models.Model], path: str) -> type[models.Model]:
    """The model that `path` leads to."""
    for name in path.split("__"):
        model = model._meta.get_field(name).related_model  # type: ignore[assignment]
    return model
