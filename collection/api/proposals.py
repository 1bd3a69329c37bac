from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from collection.api.batteries import ChangesIn
from collection.api.custody import VeiledMixin
from collection.api.fields import IdentifierIn
from collection.models import Battery, Facility, Proposal
from collection.services import proposals


class ProposalOut(RecordSerializer[Proposal]):
    verbs = VerbsField()

    class Meta:
        model = Proposal
        fields = (
            "id", "battery", "kind", "status", "proposed_for", "addressed_to", "proposed_at", "reason", "changes",
            "facility", "occurred_at", "answer", "decided_at", "verbs",
        )  # fmt: skip
        read_only_fields = fields


class ProposalIn(ChangesIn):
    """What is wrong with a battery (what is left out is not; null says that it is not known), or where one is that was lost,
    or is in use; that may be named by one of its numbers.
    """

    organization = VisibleRelatedField(queryset=Organization.objects.all())
    battery = VisibleRelatedField(queryset=Battery.objects.all(), required=False)
    identifier = IdentifierIn(required=False)
    facility = VisibleRelatedField(queryset=Facility.objects.all(), required=False)
    occurred_at = serializers.DateTimeField(required=False)


class AcceptProposalIn(serializers.Serializer[Any]):
    answer = TextField(max_length=500, required=False, allow_blank=True)


class RefuseProposalIn(serializers.Serializer[Any]):
    answer = TextField(max_length=500)


class ProposalFilter(FilterSet):
    battery = WholeNumberFilter("battery")

    class Meta:
        model = Proposal
        fields = ("status", "kind")


class ProposalViewSet(VeiledMixin, VisibleViewSet):
    """What is said of batteries by those who have them in custody no more; who has them decides."""

    queryset = Proposal.objects.all()
    serializer_class = ProposalOut
    filterset_class = ProposalFilter
    ordering_fields = ("id", "proposed_at")

    create = opens(proposals.propose, ProposalIn)
    accept = door(proposals.accept, AcceptProposalIn)
    refuse = door(proposals.refuse, RefuseProposalIn)
    withdraw = door(proposals.withdraw)
