"""Organizations and who works for them."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actors import Actor
from accounts.api.doors import VerbsField, calls, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet
from accounts.api.idempotency import once
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Function, Invitation, Membership, Organization, Role
from accounts.services import invitations, memberships, second_factors


class OrganizationOut(RecordSerializer[Organization]):
    functions = serializers.ListField(child=serializers.ChoiceField(choices=Function.choices), read_only=True)

    class Meta:
        model = Organization
        fields = ("id", "name", "functions", "requires_second_factor", "is_claimed", "is_simulated")
        read_only_fields = fields


class OrganizationFilter(FilterSet):
    name = django_filters.CharFilter("name", "icontains")
    function = django_filters.ChoiceFilter(choices=Function.choices, method="with_function")

    class Meta:
        model = Organization
        fields = ("is_simulated",)

    def with_function(self, rows: Any, name: str, value: str) -> Any:
        return rows.with_function(value)


class OrganizationViewSet(VisibleViewSet):
    """Who takes part in the chain."""

    queryset = Organization.objects.all()
    serializer_class = OrganizationOut
    filterset_class = OrganizationFilter
    ordering_fields = ("id", "name")

    require_second_factor = door(second_factors.require_second_factor)
    waive_second_factor = door(second_factors.waive_second_factor)


class MembershipOut(RecordSerializer[Membership]):
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    organization_name = serializers.CharField(source="organization.name", read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "user", "email", "name", "organization", "organization_name", "role")
        read_only_fields = fields


class RoleIn(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices)


class MembershipViewSet(VisibleViewSet):
    """Who works for the caller's organizations, and in which role."""

    queryset = Membership.objects.select_related("user", "organization")
    serializer_class = MembershipOut
    filterset_fields = ("organization", "user", "role")

    change_role = door(memberships.change_role, RoleIn)

    @calls(memberships.remove)
    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """End a membership; needs a manager, or is the member's own decision."""

        def act() -> Response:
            memberships.remove(actor=Actor.of(request.user), membership=self.get_object())
            return Response(status=204)

        return once(request, act)


class InvitationOut(RecordSerializer[Invitation]):
    organization_name = serializers.CharField(source="organization.name", read_only=True)
    is_expired = serializers.BooleanField(read_only=True)
    verbs = VerbsField()

    class Meta:
        model = Invitation
        fields = (
            "id", "email", "organization", "organization_name", "role", "status", "invited_by", "vouched_by", "invited_at",
            "mailed_at", "expires_at", "is_expired", "accepted_by", "verbs",
        )  # fmt: skip
        read_only_fields = fields


class InvitationIn(serializers.Serializer[Any]):
    organization = VisibleRelatedField(queryset=Organization.objects.all())
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.VIEWER)


class LinkIn(serializers.Serializer[Any]):
    """`link` is the last part of the address that was mailed."""

    link = TextField(max_length=200)


class InvitationViewSet(VisibleViewSet):
    """Who is invited to the caller's organizations. Whoever reads the mail of the address accepts, by the link in it."""

    queryset = Invitation.objects.select_related("organization")
    serializer_class = InvitationOut
    filterset_fields = ("organization", "status", "role")

    create = opens(invitations.invite, InvitationIn)
    accept = opens(invitations.accept, LinkIn, name="accept", status=200)
    resend = door(invitations.resend)
    withdraw = door(invitations.withdraw)
