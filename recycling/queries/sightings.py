"""The trace as one user may see it: figures of the whole, and only those records that are visible to it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.acting import as_platform
from accounts.errors import Forbidden
from accounts.models import User
from collection.models import Battery, Lot
from collection.queries.veils import known_to
from recycling.models import Batch
from recycling.queries.contents import ByElement
from recycling.queries.trace import ElementFate, Source, backward, forward, minus


@dataclass(frozen=True)
class SeenLot:
    """A lot that holds some of a battery; `lot` and `number` are empty for one that the user may not see."""

    lot: int | None
    number: str | None
    material: str
    country: str
    fate: str
    kg: ByElement


@dataclass(frozen=True)
class SeenBattery:
    """Where a battery's elements are; `batch` is empty if it was not charged, or the user may not see the batch."""

    battery: int
    batch: int | None
    is_charged: bool
    elements: list[ElementFate]
    lots: list[SeenLot]


@dataclass(frozen=True)
class SeenSources:
    """What a lot was made from: `content` = `seen` + `others` + `unattributed`; `sources` is a page of `seen`."""

    lot: int
    content: ByElement
    seen: ByElement
    others: ByElement
    unattributed: ByElement
    sources: list[Source]
    next_after: int | None


@as_platform()
def battery_as_seen(battery: Battery, user: User) -> SeenBattery:
    """The forward trace of a battery that `user` may see, and did not only have once."""
    _check_at_hand(user, battery)
    trace = forward(battery)
    ids = [share.lot for share in trace.lots]
    seen = set(Lot.objects.visible_to(user).filter(pk__in=ids).values_list("pk", flat=True))
    rows = Lot.objects.filter(pk__in=ids).values_list("pk", "number", "material__name")
    about = {pk: (number, material) for pk, number, material in rows}
    makers = Batch.objects.filter(pk__in={share.made_by for share in trace.lots})
    places = dict(makers.values_list("pk", "line__plant__facility__jurisdiction"))
    batch = Batch.objects.visible_to(user).filter(pk=trace.batch).exists() if trace.batch is not None else False
    return SeenBattery(
        battery=trace.battery,
        batch=trace.batch if batch else None,
        is_charged=trace.batch is not None,
        elements=trace.elements,
        lots=[
            SeenLot(
                lot=share.lot if share.lot in seen else None,
                number=about[share.lot][0] if share.lot in seen else None,
                material=about[share.lot][1],
                country=places[share.made_by][:2],
                fate=share.fate,
                kg=share.kg,
            )
            for share in trace.lots
        ],
    )


@as_platform()
def sources_as_seen(lot: Lot, user: User, *, after: int = 0, size: int = 100) -> SeenSources:
    """A page of the backward trace of a lot that `user` may see, and did not only have once."""
    _check_at_hand(user, lot)
    trace = backward(lot)
    sources = trace.sources(batteries=Battery.objects.visible_to(user), lots=Lot.objects.visible_to(user))
    page = sources.page(after=after, limit=size + 1)
    seen = sources.together()
    return SeenSources(
        lot=trace.lot,
        content=trace.content,
        seen=seen,
        others=minus(trace.attributed, seen),
        unattributed=trace.unattributed,
        sources=page[:size],
        next_after=page[size - 1].charge if len(page) > size else None,
    )


def _check_at_hand(user: User, thing: Battery | Lot) -> None:
    if not known_to(user, [thing]):
        raise Forbidden(_("It was passed on: what became of it, and what it is made of, is no longer for you to read."))
