from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actors import Actor
from accounts.api.doors import VerbsField, calls, door
from accounts.api.filters import FilterSet, TrueOrFalseFilter, WholeNumberFilter
from accounts.api.idempotency import once
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from collection.api.batteries import ContestClaimIn
from collection.models import ClaimContest, ClaimContestStatus
from collection.services import claim_contests


class ClaimContestOut(RecordSerializer[ClaimContest]):
    contested_by_name = serializers.CharField(source="contested_by.name", read_only=True)
    claimed_by_name = serializers.CharField(source="claimed_by.name", read_only=True)
    is_overdue = serializers.BooleanField(read_only=True)
    verbs = VerbsField()

    class Meta:
        model = ClaimContest
        fields = (
            "id", "battery", "contested_by", "contested_by_name", "claimed_by", "claimed_by_name", "jurisdiction",
            "statement", "opened_at", "status", "due_on", "is_overdue", "answer", "answered_at", "reason", "decided_at",
            "verbs",
        )  # fmt: skip
        read_only_fields = fields


class ContestClaimsIn(ContestClaimIn):
    """Batteries that others claim to be of `organization`, up to a thousand, and why they are not."""

    organization = VisibleRelatedField(queryset=Organization.objects.all())
    batteries = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), allow_empty=False, max_length=1000
    )


class ClaimContestFilter(FilterSet):
    battery = WholeNumberFilter("battery")
    contested_by = WholeNumberFilter("contested_by")
    claimed_by = WholeNumberFilter("claimed_by")
    status = django_filters.ChoiceFilter(choices=ClaimContestStatus.choices)
    is_overdue = TrueOrFalseFilter(method="is_late", help_text="Whether its next step was due before today.")

    class Meta:
        model = ClaimContest
        fields = ("jurisdiction",)

    def is_late(self, rows: QuerySet[ClaimContest], _name: str, value: bool) -> QuerySet[ClaimContest]:
        overdue = ClaimContest.objects.overdue(timezone.localdate())
        return rows.filter(pk__in=overdue) if value else rows.exclude(pk__in=overdue)


class ClaimContestViewSet(VisibleViewSet):
    """That a producer contests batteries which others claim to be its; who claimed answers, a regulator decides."""

    queryset = ClaimContest.objects.select_related("contested_by", "claimed_by")
    serializer_class = ClaimContestOut
    filterset_class = ClaimContestFilter
    ordering_fields = ("id", "due_on")

    @calls(claim_contests.contest_claims)
    @extend_schema(request=ContestClaimsIn, responses={201: ClaimContestOut(many=True)}, filters=False)
    def create(self, request: Request) -> Response:
        """Contest claims on batteries, all of them or none; each becomes a contest of its own."""
        incoming = ContestClaimsIn(data=request.data, context=self.get_serializer_context())
        incoming.is_valid(raise_exception=True)

        def act() -> Response:
            made = claim_contests.contest_claims(actor=Actor.of(request.user), **incoming.validated_data)
            rows = self._with_organizations(ClaimContest.objects.filter(pk__in=[contest.pk for contest in made]))
            shown = rows.select_related("contested_by", "claimed_by").order_by("pk")
            return Response(self.get_serializer(shown, many=True).data, status=201)

        return once(request, act, may_see=self.may_see)

    answer = door(claim_contests.answer, ContestClaimIn)
    concede = door(claim_contests.concede)
    withdraw = door(claim_contests.withdraw)
    uphold = door(claim_contests.uphold)
    dismiss = door(claim_contests.dismiss)
