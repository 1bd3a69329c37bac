from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin.forms import VerbForm, text_field
from accounts.admin.scoped import Button, ScopedAdmin
from collection.models import ClaimContest
from collection.services import claim_contests


class AnswerForm(VerbForm):
    statement = text_field(gettext_lazy("why it is the producer's"), max_length=claim_contests.LONGEST_STATEMENT)


class OverdueFilter(admin.SimpleListFilter):
    title = gettext_lazy("due")
    parameter_name = "is_overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext_lazy("overdue"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        return rows.filter(pk__in=ClaimContest.objects.overdue(timezone.localdate())) if self.value() == "yes" else rows


@admin.register(ClaimContest)
class ClaimContestAdmin(ScopedAdmin):
    list_display = (
        "__str__", "battery", "contested_by", "claimed_by", "jurisdiction", "status", "due",
    )  # fmt: skip
    list_filter = ("status", OverdueFilter)
    list_select_related = ("battery", "contested_by", "claimed_by", "jurisdiction")
    search_fields = ("contested_by__name", "claimed_by__name", "battery__id__exact")
    search_help_text = gettext_lazy("An organization, or the battery's number.")
    fields = (
        "battery", "contested_by", "claimed_by", "jurisdiction", "statement", "opened_at", "opened_by", "status", "due",
        "answer", "answered_at", "reason", "decided_by", "decided_at",
    )  # fmt: skip
    ordering = ("-pk",)
    buttons = (
        Button(gettext_lazy("answer"), claim_contests.answer, AnswerForm),
        Button(gettext_lazy("concede"), claim_contests.concede, is_final=True),
        Button(gettext_lazy("withdraw"), claim_contests.withdraw, is_final=True),
        Button(gettext_lazy("uphold"), claim_contests.uphold, is_final=True),
        Button(gettext_lazy("dismiss"), claim_contests.dismiss, is_final=True),
    )

    @admin.display(description=gettext_lazy("due on"), ordering="due_on")
    def due(self, contest: ClaimContest) -> str:
        """The day, while there is a step to take, and whether it has passed."""
        day = date_format(contest.due_on)
        if contest.is_overdue:
            return _("%(day)s, overdue") % {"day": day}
        return day if contest.decided_at is None else ""
