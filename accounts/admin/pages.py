"""Pages of lists that may be long: counted as far as anybody turns them, and no further."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

#: So many rows are counted, and can be paged through. Whoever looks for one that comes later searches or filters: each
#: page costs as much as all before it.
COUNTED = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first rows of a queryset."""

    template_name = "relode/pages.html"

    @cached_property
    def count(self) -> int:
        return min(self._counted, COUNTED)

    @cached_property
    def _counted(self) -> int:
        return int(self.object_list.order_by()[: COUNTED + 1].count())  # type: ignore[union-attr]

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than are counted."""
        return self._counted > COUNTED

    @property
    def how_many(self) -> str:
        """The number of rows in words."""
        number = number_format(self.count, force_grouping=True)
        return _("more than %(number)s") % {"number": number} if self.is_capped else number
