"""The admin as a door like any other: it shows what is visible to the user, and changes things by services alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.options import Action, ActionLocation
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as ModelInvalid
from django.db import DataError, IntegrityError, models
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin, TabularInline

from accounts import verbs
from accounts.acting import as_platform, found
from accounts.actors import Actor
from accounts.admin.forms import ReasonForm, VerbForm, show_error
from accounts.admin.pages import CappedPaginator, CountedBelow
from accounts.constraints import violated_constraint
from accounts.errors import DomainError, Forbidden


@dataclass(frozen=True)
class Button:
    """A verb in the admin: a button on the record's page, and a form if it asks for something.

    When it is there, and its address, follow from the verb.
    """

    label: Any
    verb: verbs.Verb[..., Any]
    form: type[VerbForm] | None = None
    is_final: bool = False
    after: Callable[[Any], object] | None = None
    rows: str = ""
    """Of a verb on the rows that are ticked in the list: the argument that takes their keys."""

    def __post_init__(self) -> None:
        assert self.form or set(self.verb.arguments) <= {"reason"}, f"{self.verb.name} needs a form"

    @property
    def asks(self) -> type[VerbForm]:
        """Its form. None need be named for a verb that asks for nothing, or only for a reason."""
        return self.form or (ReasonForm if self.verb.arguments else VerbForm)


class ScopedAdmin(ModelAdmin):  # type: ignore[misc]
    """Shows the rows that are visible to the user, read-only; `buttons` change one, `many` those that are ticked in the
    list, `create` makes new ones.
    """

    buttons: ClassVar[Sequence[Button]] = ()
    many: ClassVar[Sequence[Button]] = ()
    create: ClassVar[Button | None] = None
    change_form_outer_before_template = "relode/verbs.html"
    list_fullwidth = True
    list_per_page = 50
    paginator = CappedPaginator
    show_full_result_count = False
    actions: ClassVar[Any] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CountedBelow]:
        return CountedBelow

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """By what the list offers, and nothing else: Django lets every field be asked, also one that a page veils."""
        is_all = bool(request and request.user.is_superuser)  # type: ignore[union-attr]
        filters = (getattr(by, "parameter_name", by) for by in (*self.list_filter, self.date_hierarchy))
        offered = [name for name in filters if isinstance(name, str)]
        if not is_all and not any(lookup == name or lookup.startswith(f"{name}__") for name in offered):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.visible(request, super().get_queryset(request))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The record, with what it refers to."""
        named = super().get_object

        def read() -> list[Any]:
            records = [record for record in (named(request, object_id, from_field),) if record is not None]
            models.prefetch_related_objects(records, *(f.name for f in self.opts.fields if f.is_relation))
            return records

        return next(iter(found(read)), None)

    def visible(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Those of `rows` that the user may see."""
        seen: QuerySet[Any] = rows.visible_to(request.user)
        return seen

    def named(self, term: str) -> Q | None:
        """The rows that go by exactly the name `term`, by an index; for the subclasses whose lists are too long to be
        read for what contains it. `None`: look into the search fields.
        """
        return None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        named = self.named(term) if term else None
        if named is not None:
            return queryset.filter(named), False
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        return found

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff)  # type: ignore[union-attr]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if self.create is None or not self.has_module_permission(request):
            return False
        return self.create.verb.offers(actor_of(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions(
        self, request: HttpRequest, action_location: ActionLocation = ActionLocation.CHANGE_LIST
    ) -> dict[str, Action]:
        """The verbs on ticked rows that the user may use."""
        if action_location != ActionLocation.CHANGE_LIST:
            return {}
        actor = actor_of(request)
        offered = [button for button in self.many if button.verb.offers(actor)]
        return {button.verb.name: _action(button) for button in offered}

    def get_action_choices(
        self,
        request: HttpRequest,
        default_choices: Any = None,
        action_location: ActionLocation = ActionLocation.CHANGE_LIST,
    ) -> list[tuple[str, str]]:
        """As Django's; unfold's does not take the location yet, which Django warns of."""
        offered = self.get_actions(request, action_location).values()
        return [("", _("What to do with the ticked ones")), *((a.name, a.plural_description) for a in offered)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        """Every field, those too that no form may edit; a subclass that names `fields` has named what to show."""
        shown = self.fields or [f.name for f in self.opts.fields if not isinstance(f, models.BinaryField)]
        return tuple(str(name) for name in shown)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return self.get_readonly_fields(request, obj)

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_verb"
        own = [path("<path:object_id>/verb/<str:verb>/", self.admin_site.admin_view(self.verb_view), name=name)]
        return own + super().get_urls()  # type: ignore[no-any-return]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if self.create is None or not self.has_add_permission(request):
            raise PermissionDenied
        return self._ask(request, self.create, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        record = self.get_object(request, object_id)
        if record is None:
            raise Http404
        verb_page = f"admin:{self.opts.app_label}_{self.opts.model_name}_verb"
        buttons = [
            (button, reverse(verb_page, args=[record.pk, button.verb.name]))
            for button in self.buttons_for(record, actor_of(request))
        ]
        context = {"buttons": buttons, "record": record, **self.about(request, record), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)  # type: ignore[no-any-return]

    def about(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """More context for the record's page; for subclasses."""
        return {}

    def buttons_for(self, record: Any, actor: Actor) -> list[Button]:
        """What the actor may do with the record now."""
        return [button for button in self.buttons if button.verb.offers(actor, record)]

    def verb_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        record = self.get_object(request, object_id)
        found = next((button for button in self.buttons if button.verb.name == verb), None)
        if record is None or found is None:
            raise Http404
        if request.method == "GET" and found not in self.buttons_for(record, actor_of(request)):
            raise PermissionDenied  # whoever sends the form of an outdated page learns the reason from the service
        return self._ask(request, found, record)

    def _ask(
        self, request: HttpRequest, button: Button, record: Any, ticked: Sequence[Any] | None = None
    ) -> HttpResponse:
        """Show the button's form; once it is sent, do what it says. `ticked` are the keys of the rows that it is for."""
        options: dict[str, Any] = {"user": request.user, "target": record}
        is_sent = request.method == "POST" and (ticked is None or _SENT in request.POST)
        form = button.asks(*((request.POST, request.FILES) if is_sent else ()), **options)
        status = 200
        if is_sent and form.is_valid():
            try:
                target = {button.verb.target: record} if button.verb.target and record is not None else {}
                if ticked is not None:
                    target = {button.rows: ticked}
                done = button.verb(actor=actor_of(request), **target, **form.arguments())
            except Forbidden as error:
                form.add_error(None, str(error.message))
                status = error.status
            except DomainError as error:
                show_error(form, error)
                status = error.status
            except ModelInvalid as error:
                form.add_error(None, error.messages)  # type: ignore[arg-type]
            except DataError:
                form.add_error(None, _("A value is outside of what can be stored."))
                status = 400
            except IntegrityError as error:
                form.add_error(None, violated_constraint(error))
                status = 409
            else:
                if button.after is not None:
                    button.after(done)
                self.tell(request, button, done)
                return HttpResponseRedirect(self.address_after(request, done, record))
        context = {
            **self.admin_site.each_context(request),
            "title": button.label,
            "opts": self.opts,
            "original": record,
            "button": button,
            "form": form,
            "ticked": ticked,
            "action": button.verb.name,
            "media": self.media + form.media,
            "has_view_permission": True,
            "back": self.address_after(request, record, record),
        }
        return TemplateResponse(request, "relode/verb.html", context, status=status)

    def tell(self, request: HttpRequest, button: Button, done: Any) -> None:
        """Say that a verb was carried out; for subclasses that have more to say."""
        if button.rows:
            messages.success(request, _("%(verb)s: done for %(n)s.") % {"verb": capfirst(button.label), "n": len(done)})
        else:
            messages.success(request, _("%(verb)s: done.") % {"verb": button.label})

    def address_after(self, request: HttpRequest, done: Any, record: Any) -> str:
        """Where to go after a verb: to the record it is about, or the list if it is not of this page."""
        page = done if isinstance(done, self.model) else record
        if page is None or page.pk is None:
            return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[page.pk])


#: Rows that are ticked at most, as in one call of the API.
MOST_TICKED = 1000

#: The form of a verb on ticked rows says that it is that, and not the list that they were ticked in.
_SENT = "sent"


def _action(button: Button) -> Action:
    label = capfirst(button.label)
    act = partial(_act_on_ticked, button=button)
    return Action(act, button.verb.name, label, label, [ActionLocation.CHANGE_LIST])


def _act_on_ticked(
    page: ScopedAdmin, request: HttpRequest, rows: QuerySet[Any], *, button: Button
) -> HttpResponse | None:
    """An action of Django's lists: ask for what the verb needs, with the rows kept in the form."""
    with as_platform():  # the verb asks of each whose it is
        keys = sorted(rows.order_by().values_list("pk", flat=True)[: MOST_TICKED + 1])
    if len(keys) > MOST_TICKED:
        messages.error(request, _("Tick at most %(most)s at once.") % {"most": MOST_TICKED})
        return None
    return page._ask(request, button, None, keys)


class ReferenceAdmin(ModelAdmin):  # type: ignore[misc]
    """Reference data: everybody reads, the operators of the platform (superusers) maintain."""

    list_fullwidth = True
    paginator = CappedPaginator
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CountedBelow]:
        return CountedBelow

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).visible_to(request.user)
        return rows

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff)  # type: ignore[union-attr]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)  # type: ignore[union-attr]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)


class PartInline(TabularInline):  # type: ignore[misc]
    """Parts of a record on its page, read-only, in pages of 50."""

    extra = 0
    per_page = 50
    can_delete = False
    show_change_link = False
    ordering = ("pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The parts that are visible: not all that hangs on a visible record is."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.visible_to(request.user) if hasattr(rows, "visible_to") else rows

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return tuple(self.fields or ())

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def actor_of(request: HttpRequest) -> Actor:
    """The actor behind a request; its memberships are read once per request."""
    if not hasattr(request, "relode_actor"):
        request.relode_actor = Actor.of(request.user)  # type: ignore[attr-defined,arg-type]
    found: Actor = request.relode_actor  # type: ignore[attr-defined]
    return found


admin.site.empty_value_display = "–"
