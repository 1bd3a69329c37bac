from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import quote

from django.db import models
from django.http import Http404
from django.utils.functional import cached_property
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.acting import as_platform, found
from accounts.actors import Actor
from accounts.api.doors import doors_of
from accounts.api.fields import record_id
from accounts.api.idempotency import once
from accounts.verbs import Verb

#: What a record's key may be in an address: an id, or a code.
ID = "[0-9]{1,18}"
CODE = "[A-Za-z0-9_-]{1,80}"

#: Stands for a record's key in an address.
_ANY = "0" * 18


class VisibleViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Any]):
    """Reads what is visible to the caller; whatever changes goes through `command` to a service.

    A record that the caller may not see is not there: 404.
    """

    lookup_value_regex = ID
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    request: Request

    @cached_property
    def actor(self) -> Actor:
        """Who asks."""
        return Actor.of(self.request.user)

    @cached_property
    def doors(self) -> list[tuple[str, Verb[..., Any]]]:
        """The verbs that the API has for one of these records, by name."""
        return doors_of(type(self))

    def address_of(self, door: str, record: models.Model) -> str:
        """Where the door named `door` to `record` is."""
        before, after = self._addresses[door]
        key = record.pk
        return f"{before}{key if isinstance(key, int) else quote(str(key))}{after}"

    @cached_property
    def _addresses(self) -> dict[str, list[str]]:
        """What stands before and after the key: resolving takes longer than all the rest of an entry of a page."""
        return {name: reverse(f"{self.basename}-{name}", args=[_ANY]).split(_ANY) for name, _verb in self.doors}

    def get_queryset(self) -> models.QuerySet[Any]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        return rows.visible_to(self.request.user)

    def get_object(self) -> Any:
        named = super().get_object
        for record in found(lambda: [named()]):
            return record
        raise Http404

    def filter_queryset(self, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Filters are for lists: a single record is named by its key and by nothing else."""
        if self.detail:
            return self._with_organizations(queryset)
        return self._with_organizations(super().filter_queryset(queryset), is_page=not hasattr(queryset, "head"))

    def _with_organizations(self, rows: models.QuerySet[Any], *, is_page: bool = False) -> models.QuerySet[Any]:
        """`rows` with the records that lead to the organizations that the verbs ask about: their keys are enough.

        For a page they are read afterwards: a join would be made for all that is visible before the page is cut. What
        has a `head` is cut first, and joined.
        """
        if "verbs" not in self.get_serializer_class()._declared_fields:
            return rows
        paths = [(path.split("__"), verb.target) for _name, verb in self.doors for path in verb.paths]
        related = dict.fromkeys("__".join(steps[1:-1]) for steps, target in paths if steps[0] == target and steps[2:])
        related |= dict.fromkeys(path for _name, verb in self.doors for path in verb.reads)
        if not related:
            return rows
        return rows.prefetch_related(*related) if is_page else rows.select_related(*related)

    def command(
        self,
        service: Callable[..., models.Model],
        reads: type[serializers.BaseSerializer[Any]] | None = None,
        *,
        status: int = 200,
        after: Callable[[Any], object] | None = None,
        **target: Any,
    ) -> Response:
        """Validate the body by `reads`, call `service(actor=…, **target, **body)`, answer with the record it returns, or
        with the target, where it returns a part of that.

        `after` is done with that record, in the same transaction if there is one.

        With an `Idempotency-Key` the command acts once however often it is sent.
        """
        body: dict[str, Any] = {}
        if reads is not None:
            incoming = reads(data=self.request.data, context=self.get_serializer_context())
            incoming.is_valid(raise_exception=True)
            body = dict(incoming.validated_data)

        assert self.queryset is not None
        rows = self.queryset.all()

        def act() -> Response:
            record = service(actor=self.actor, **target, **body)
            if after is not None:
                after(record)
            shown = record if isinstance(record, rows.model) else next(iter(target.values()))
            with as_platform():  # the verb asked whose it is
                fresh = self._with_organizations(rows).get(pk=shown.pk)
            return Response(self.get_serializer(fresh).data, status=status)

        return once(self.request, act, may_see=self.may_see)

    def may_see(self, answer: Any) -> bool:
        """Whether the record that an answer shows, or each of them, is there for the caller now."""
        keys = {shown.get("id", shown.get("code")) for shown in (answer if isinstance(answer, list) else [answer])}
        return len(found(lambda: list(self.get_queryset().filter(pk__in=keys)))) == len(keys)


class VisibleRelatedField(serializers.PrimaryKeyRelatedField[Any]):
    """A reference by id to a record that the caller can see; others do not exist for it."""

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().visible_to(self.context["request"].user)

    def to_internal_value(self, data: Any) -> Any:
        is_code = isinstance(self.queryset.model._meta.pk, models.CharField)
        if not isinstance(data, str if is_code else str | int) or isinstance(data, bool):
            self.fail("incorrect_type", data_type=type(data).__name__)
        key = data if is_code else record_id(data)
        if key is None:
            self.fail("does_not_exist", pk_value=data)
        named = super().to_internal_value
        for record in found(lambda: [named(key)]):
            return record
        return self.fail("does_not_exist", pk_value=data)
