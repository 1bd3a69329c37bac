"""What somebody reads of a thing that it only had once: what happened until it was passed on, and no more.

It sees that the thing is there (`models.sight`), since that is its own past. Where the thing is now, what a lot contains, and what
became of it is for those who have to do with it for good (its producer or owner, who registered or made it, the regulators of
its places) or now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from accounts.models import Viewer
from collection.models import Assay, Battery, CustodyEvent, Lot, Proposal
from collection.models.at_hand import BATTERIES_AT_HAND, LOTS_AT_HAND, at_hand
from collection.models.sight import Sight, Whose


def known_to(viewer: Viewer, things: Sequence[Any]) -> set[int]:
    """The ids of those of `things`, batteries or lots, of which `viewer`, who sees them all, may know all: two statements,
    however many.
    """
    return _known(viewer, at_hand(type(things[0])), {thing.pk for thing in things}, None) if things else set()


def _known(viewer: Viewer, sight: Sight, ids: Collection[int], whose: Whose | None) -> set[int]:
    if viewer.is_superuser or not ids:
        return set(ids)
    keys = ("SELECT unnest(%s::bigint[])", (sorted(ids),))
    return set(sight.first_of(keys, whose or Whose.of(viewer), len(ids), ascending=True))


def veil(viewer: Viewer, rows: Sequence[Any]) -> Sequence[Any]:
    """Take off the records in memory, of one kind, what `viewer` may not know of them. They are not to be saved."""
    if viewer.is_superuser or not rows:
        return rows
    return _VEILS.get(type(rows[0]), _veil_things)(viewer, rows)


def _veil_things(viewer: Viewer, things: Sequence[Any]) -> Sequence[Any]:
    known = known_to(viewer, things)
    for thing in things:
        if thing.pk not in known:
            thing.facility = thing.shipment = None
            if hasattr(thing, "facility_name"):
                thing.facility_name = ""
            if isinstance(thing, Lot):
                thing.moisture = None  # type: ignore[assignment]
                thing._prefetched_objects_cache = {"assays": Assay.objects.none()}  # type: ignore[attr-defined]
    return things


def _veil_entries(viewer: Viewer, entries: Sequence[CustodyEvent]) -> Sequence[CustodyEvent]:
    """Of things that `viewer` only had once it reads the entries that it was a part of.

    The number of a batch is read by those whose batch it is and the regulators of the place alone.
    """
    whose = Whose.of(viewer)
    lots = _known(viewer, LOTS_AT_HAND, {entry.lot_id for entry in entries if entry.lot_id}, whose)
    batteries = _known(viewer, BATTERIES_AT_HAND, {entry.battery_id for entry in entries if entry.battery_id}, whose)
    for entry in entries:
        if not (_is_part(entry, whose) or entry.lot_id in lots or entry.battery_id in batteries):
            for name in _SAID:
                setattr(entry, name, None)
            entry.reference = entry.note = ""
    return _without_batches(entries, whose)


#: What an entry says beside that something happened to the thing, what and when.
_SAID = (
    "from_facility", "from_shipment", "from_organization", "to_facility", "to_shipment", "to_organization", "handover",
    "mass_kg", "actor", "corrects",
)  # fmt: skip


def _veil_proposals(viewer: Viewer, proposals: Sequence[Proposal]) -> Sequence[Proposal]:
    """Whom a proposal is addressed to has the battery, or registered it."""
    whose = Whose.of(viewer)
    known = _known(viewer, BATTERIES_AT_HAND, {proposal.battery_id for proposal in proposals}, whose)
    for proposal in proposals:
        if not (proposal.battery_id in known or proposal.addressed_to_id in whose.organizations):
            proposal.addressed_to = None
    return proposals


_VEILS: dict[type, Callable[[Viewer, Sequence[Any]], Sequence[Any]]] = {
    CustodyEvent: _veil_entries,
    Proposal: _veil_proposals,
}


def life_as_read(viewer: Viewer, thing: Battery | Lot, entries: Sequence[CustodyEvent]) -> Sequence[CustodyEvent]:
    """Of all entries of one thing in their order, those that `viewer` reads: all, or until it had it last. Two statements."""
    if viewer.is_superuser:
        return entries
    whose = Whose.of(viewer)
    if not _known(viewer, at_hand(type(thing)), {thing.pk}, whose):
        parts = [n for n, entry in enumerate(entries) if _is_part(entry, whose)]
        entries = entries[: parts[-1] + 1] if parts else []
    return _without_batches(entries, whose)


def _is_part(entry: CustodyEvent, whose: Whose) -> bool:
    return bool({entry.from_organization_id, entry.to_organization_id} & set(whose.organizations))


def _without_batches(entries: Sequence[CustodyEvent], whose: Whose) -> Sequence[CustodyEvent]:
    for entry in entries:
        places = {place.jurisdiction_id for place in (entry.from_facility, entry.to_facility) if place is not None}
        if entry.reference.startswith("batch ") and not (_is_part(entry, whose) or places & set(whose.places)):
            entry.reference = ""
    return entries
