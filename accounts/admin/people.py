"""Organizations, users, memberships, invitations and tokens in the admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from knox.models import AuthToken
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts.actors import Actor
from accounts.admin.forms import VerbForm
from accounts.admin.scoped import Button, PartInline, ReferenceAdmin, ScopedAdmin
from accounts.models import Invitation, Membership, Organization, Role, User
from accounts.services import invitations, memberships, passwords, second_factors, tokens, users

# What a user may do follows from its memberships; groups and permissions of Django say nothing here.
admin.site.unregister(Group)
admin.site.unregister(AuthToken)
admin.site.unregister(EmailAddress)
admin.site.unregister(Authenticator)


class MemberInline(PartInline):
    model = Membership
    fields = ("user", "role")
    verbose_name_plural = gettext_lazy("members")


@admin.register(Organization)
class OrganizationAdmin(ReferenceAdmin, ScopedAdmin):
    """Maintained by the platform, but for what its managers decide."""

    list_display = ("name", "functions", "requires_second_factor", "is_simulated")
    list_filter = ("is_simulated",)
    search_fields = ("name",)
    fields = ("name", "functions", "requires_second_factor", "is_simulated")
    inlines = (MemberInline,)
    buttons = (
        Button(gettext_lazy("require a second factor"), second_factors.require_second_factor),
        Button(gettext_lazy("waive the second factor"), second_factors.waive_second_factor),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return () if self.has_change_permission(request, obj) else self.fields

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return self.fields

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return super(ScopedAdmin, self).add_view(request, form_url, extra_context)  # type: ignore[no-any-return]


class MembershipInline(PartInline):
    model = Membership
    fields = ("organization", "role")


class UserForm(VerbForm):
    email = forms.EmailField(max_length=254, label=gettext_lazy("email"))
    name = forms.CharField(max_length=150, label=gettext_lazy("name"))


class PasswordForm(VerbForm):
    old_password = forms.CharField(
        max_length=256, strip=False, label=gettext_lazy("present password"), widget=UnfoldAdminPasswordWidget
    )
    password = forms.CharField(
        max_length=256, strip=False, label=gettext_lazy("new password"), widget=UnfoldAdminPasswordWidget
    )
    again = forms.CharField(
        max_length=256, strip=False, label=gettext_lazy("the same again"), widget=UnfoldAdminPasswordWidget
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("password") != given.get("again"):
            self.add_error("again", _("The two are not the same."))
        return given

    def arguments(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("old_password", "password")}


@admin.register(User)
class UserAdmin(ScopedAdmin):
    list_display = ("email", "name", "is_active")
    list_filter = ("is_active",)
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "joined_at", "last_login")
    inlines = (MembershipInline,)
    create = Button(gettext_lazy("Register a user"), users.register, UserForm)
    buttons = (
        Button(gettext_lazy("change password"), passwords.change_password, PasswordForm),
        Button(gettext_lazy("remove second factor"), users.remove_second_factor, is_final=True),
        Button(gettext_lazy("deactivate"), users.deactivate, is_final=True),
        Button(gettext_lazy("activate"), users.activate),
    )

    def tell(self, request: HttpRequest, button: Button, done: Any) -> None:
        if button.verb is passwords.change_password:
            update_session_auth_hash(request, done)  # of all sessions, this one goes on
        super().tell(request, button, done)


class RoleForm(VerbForm):
    role = forms.ChoiceField(choices=Role.choices, label=gettext_lazy("role"))

    def scope(self) -> None:
        assert isinstance(self.target, Membership)
        self.initial["role"] = self.target.role


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    list_display = ("user", "organization", "role")
    list_filter = ("role",)
    list_select_related = ("user", "organization")
    search_fields = ("user__email", "user__name", "organization__name")
    buttons = (
        Button(gettext_lazy("change role"), memberships.change_role, RoleForm),
        Button(gettext_lazy("end membership"), memberships.remove, is_final=True),
    )

    def address_after(self, request: HttpRequest, done: Any, record: Any) -> str:
        page = done or record
        is_there = page is not None and Membership.objects.filter(pk=page.pk).exists()
        return super().address_after(request, page if is_there else None, None)


class InvitationForm(VerbForm):
    organization = forms.ModelChoiceField(Organization.objects.all(), label=gettext_lazy("organization"))
    email = forms.EmailField(max_length=254, label=gettext_lazy("email"))
    role = forms.ChoiceField(choices=Role.choices, label=gettext_lazy("role"))

    def scope(self) -> None:
        field = self.fields["organization"]
        if isinstance(field, forms.ModelChoiceField) and not self.user.is_superuser:
            managed = [m.organization_id for m in Actor.of(self.user).memberships if m.role == Role.MANAGER]
            field.queryset = Organization.objects.filter(pk__in=managed)


@admin.register(Invitation)
class InvitationAdmin(ScopedAdmin):
    list_display = ("email", "organization", "role", "status", "invited_at", "expires_at")
    list_filter = ("status", "role")
    list_select_related = ("organization",)
    search_fields = ("email", "organization__name")
    fields = (
        "email", "organization", "role", "status", "invited_by", "vouched_by", "invited_at", "mailed_at", "expires_at", "accepted_by",
    )  # fmt: skip
    create = Button(gettext_lazy("Invite somebody"), invitations.invite, InvitationForm)
    buttons = (
        Button(gettext_lazy("send again"), invitations.resend),
        Button(gettext_lazy("withdraw"), invitations.withdraw, is_final=True),
    )


class TokenForm(VerbForm):
    expires_in_days = forms.IntegerField(
        min_value=1, max_value=tokens.LONGEST_DAYS, initial=30, label=gettext_lazy("expires in days")
    )


@admin.register(AuthToken)
class TokenAdmin(ScopedAdmin):
    """The user's own tokens; nobody sees those of others."""

    list_display = ("token_key", "created", "expiry")
    fields = ("token_key", "created", "expiry")
    ordering = ("-created",)
    create = Button(gettext_lazy("Make a token"), tokens.create, TokenForm)
    buttons = (Button(gettext_lazy("revoke"), tokens.revoke, is_final=True),)

    def visible(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(user=request.user)

    def tell(self, request: HttpRequest, button: Button, done: Any) -> None:
        if hasattr(done, "plain"):
            message = _("Your token is %(token)s – note it now: it is not shown again.") % {"token": done.plain}
            messages.success(request, message)
        else:
            super().tell(request, button, done)

    def address_after(self, request: HttpRequest, done: Any, record: Any) -> str:
        return super().address_after(request, None, None)
