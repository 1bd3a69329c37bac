"""What somebody reads of a thing that it only had once: what happened until it was passed on, and no more.

It sees that the thing is there (`models.sight`), since that is its own past. Where the thing is now, what a lot contains, and what
became of it is for those who have to do with it for good (its producer or owner, who registered or made it, the regulators of
its places) or now.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from accounts.models import Viewer
from collection.models import Assay, Battery, CustodyEvent, Lot
from collection.models.at_hand import BATTERIES_AT_HAND, LOTS_AT_HAND
from collection.models.sight import Whose


def known_to(viewer: Viewer, things: Sequence[Any]) -> set[int]:
    """The ids of those of `things` of which `viewer`, who sees them all, may know all: two statements, however many."""
    ids = {thing.pk for thing in things}
    kind = next((type(thing) for thing in things), Battery)
    return _known(viewer, issubclass(kind, Lot), ids, None)


def _known(viewer: Viewer, are_lots: bool, ids: Collection[int], whose: Whose | None) -> set[int]:
    if viewer.is_superuser or not ids:
        return set(ids)
    sight = LOTS_AT_HAND if are_lots else BATTERIES_AT_HAND
    keys = ("SELECT unnest(%s::bigint[])", (sorted(ids),))
    return set(sight.first_of(keys, whose or Whose.of(viewer), len(ids), ascending=True))


def veil[Thing: (Battery, Lot)](viewer: Viewer, things: Sequence[Thing]) -> Sequence[Thing]:
    """Take off the records in memory what `viewer` may not know of them. They are not to be saved."""
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


def veil_entries(viewer: Viewer, entries: Sequence[CustodyEvent]) -> Sequence[CustodyEvent]:
    """As `veil`, of entries of the ledger: of things that `viewer` only had once it reads those that it was a part of.

    The number of a batch is read by those whose batch it is and the regulators of the place alone.
    """
    if viewer.is_superuser or not entries:
        return entries
    whose = Whose.of(viewer)
    mine, places = set(whose.organizations), set(whose.places)
    lots = _known(viewer, True, {entry.lot_id for entry in entries if entry.lot_id}, whose)
    batteries = _known(viewer, False, {entry.battery_id for entry in entries if entry.battery_id}, whose)
    for entry in entries:
        is_part = bool(mine & {entry.from_organization_id, entry.to_organization_id})
        is_known = entry.lot_id in lots or entry.battery_id in batteries
        if not (is_part or is_known):
            for name in ("to_facility", "to_shipment", "to_organization", "from_facility", "from_shipment", "handover"):
                setattr(entry, name, None)
            entry.from_organization = entry.mass_kg = None
            entry.reference = entry.note = ""
        elif not is_part and not places & _places_of(entry) and entry.reference.startswith("batch "):
            entry.reference = ""
    return entries


def _places_of(entry: CustodyEvent) -> set[str]:
    return {facility.jurisdiction_id for facility in (entry.from_facility, entry.to_facility) if facility is not None}


def until_passed_on(viewer: Viewer, thing: Any, entries: Sequence[Any]) -> Sequence[Any]:
    """Of the entries of one thing in their order, those that `viewer` reads: all, or until it had it last."""
    if thing.pk in known_to(viewer, [thing]):
        return entries
    mine = set(Whose.of(viewer).organizations)
    parts = [n for n, entry in enumerate(entries) if mine & {entry.from_organization_id, entry.to_organization_id}]
    return entries[: parts[-1] + 1] if parts else []
