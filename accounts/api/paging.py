from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.db.models.query import ModelIterable
from django.utils.translation import gettext as _
from rest_framework import exceptions, pagination
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request

from accounts.acting import found
from accounts.numbers import whole_number


class CursorPagination(pagination.CursorPagination):
    """Pages by cursor, newest first, with `?page_size=` up to 500. A page stays right while rows are added."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    ordering = "-pk"

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: Any = None) -> list[Any] | None:
        """A page. Of things that not everybody sees, its keys are found first: see `SeenQuerySet.head`."""
        order, *_others = self.get_ordering(request, queryset, view)
        cursor = self.decode_cursor(request)
        offset, backward, position = cursor or (0, False, None)
        if position is not None and not _is_value_of(queryset, order.lstrip("-"), position):
            raise self._refused()
        if hasattr(queryset, "head") and order.lstrip("-") in ("pk", "id"):
            queryset = queryset.head(
                offset + self.get_page_size(request) + 1, ascending=order.startswith("-") == backward, beyond=position
            )
        page = super().paginate_queryset
        if issubclass(queryset._iterable_class, ModelIterable):
            return found(lambda: page(queryset, request, view) or [])
        return page(queryset, request, view)

    def decode_cursor(self, request: Request) -> Any:
        try:
            return super().decode_cursor(request)
        except exceptions.NotFound:
            raise self._refused() from None

    def _refused(self) -> exceptions.ValidationError:
        return exceptions.ValidationError(
            {self.cursor_query_param: [_("Take this from `next` or `previous` as it stands.")]}
        )

    def get_page_size(self, request: Request) -> int:
        """How many were asked for, up to the most; what is no such number is refused."""
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        size = whole_number(asked)
        if not size:
            raise exceptions.ValidationError({self.page_size_query_param: [_("Give a number of records from 1.")]})
        return min(size, self.max_page_size)

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        """The order that was asked for, made total by the primary key so that no row is met twice or never."""
        asked = None
        for backend in getattr(view, "filter_backends", ()):
            if issubclass(backend, OrderingFilter):
                asked = backend().get_ordering(request, queryset, view)
        fields = tuple(asked or (self.ordering,))
        if not any(field.lstrip("-") in ("pk", "id") for field in fields):
            fields = (*fields, "-pk" if fields[0].startswith("-") else "pk")
        return fields


def _is_value_of(rows: QuerySet[Any], field: str, text: str) -> bool:
    """Whether `text` could stand in the field: cursors are written by anybody."""
    try:
        rows.filter(**{field: text})
    except (ValueError, TypeError, ValidationError):
        return False
    return "\0" not in text
