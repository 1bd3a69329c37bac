"""Pages of lists that may be long: counted as far as anybody turns them, and no further."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Page, Paginator
from django.db import DataError
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from unfold.views import ChangeList

from accounts.acting import as_platform, found

#: So many rows are counted, and can be paged through. Whoever looks for one that comes later searches or filters: each
#: page costs as much as all before it.
COUNTED = 10_000

#: So many, where each row has to be asked whether it may be seen.
COUNTED_IF_SEEN = 1_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first rows of a queryset."""

    template_name = "relode/pages.html"

    def __init__(self, object_list: Any, *options: Any, **named_options: Any) -> None:
        self.most, narrowed = COUNTED, object_list
        if hasattr(object_list, "head") and object_list.query.order_by[:1] in (("-pk",), ("-id",)):
            narrowed = object_list.head(COUNTED_IF_SEEN + 1)
            if narrowed is not object_list:  # not everything is seen
                self.most = COUNTED_IF_SEEN
        super().__init__(narrowed, *options, **named_options)

    def page(self, number: Any) -> Page[Any]:
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        rows = self.rows(first, min(self.per_page, self.count - first))
        return self._get_page(rows, number, self)  # type: ignore[no-any-return]

    def rows(self, first: int, most: int) -> list[Any]:
        """So many rows from there on."""
        return found(lambda: list(self.object_list[first : first + most]))

    @cached_property
    def count(self) -> int:
        return min(self._counted, self.most)

    @cached_property
    def _counted(self) -> int:
        with as_platform():  # a number alone, of what `visible_to` lets through
            return int(self.object_list.order_by()[: self.most + 1].count())  # type: ignore[union-attr]

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than are counted."""
        return self._counted > self.most

    @property
    def how_many(self) -> str:
        """The number of rows in words."""
        number = number_format(self.count, force_grouping=True)
        return _("more than %(number)s") % {"number": number} if self.is_capped else number


class CountedBelow(ChangeList):  # type: ignore[misc]
    """A list with its count below, where it says whether there are more; above it would stand as if it were all."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (DataError, ValueError) as error:  # a value in the address that the database cannot read
            raise IncorrectLookupParameters(error) from error
        if (self.show_all and self.can_show_all) or not self.multi_page:  # Django takes them from the queryset
            self.result_list = self.paginator.rows(0, self.result_count)
        self.full_result_count = self.result_count
