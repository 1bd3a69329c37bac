"""Who may see a battery or a lot: said once, as the rows that tie it to an organization or a place, and asked twice.

- Of one thing at a time: a function of the database, `collection_sees_battery(battery, organizations, places)`, that
  looks up what ties this one. It serves a record, a reference to it, and the rows that hang on it.
- Of a list: what is newest among that which is tied to whoever looks, looked up by them. Asking thing by thing would go
  through everything for somebody who sees little.

The functions are in migrations; a test sees that they are what stands here, and that both ways find the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models.lookups import Exact

from accounts.acting import as_platform, saw
from accounts.models import Viewer, organizations_of
from collection.models.jurisdictions import Jurisdiction

type Sql = tuple[str, tuple[Any, ...]]

#: The greatest key that there can be.
LAST = 2**63 - 1

#: So many times the rows of a page are looked at one by one, before the search begins at whoever looks: whoever sees a
#: third of everything, from a thousand places, say, has the page by then.
LOOKED_AT = 3

#: As many where the list is filtered: a search at whoever looks asks each thing of theirs for the filter.
LOOKED_AT_FILTERED = 30


#: What the keys of organizations, places and facilities are in the database.
KEYS = {"organizations": "bigint[]", "places": "text[]", "facilities": "bigint[]", "operated": "bigint[]"}


@dataclass(frozen=True)
class Whose:
    """What somebody looks from: its organizations, the places that it oversees, the facilities of both, and those that
    its organizations operate.
    """

    organizations: list[int]
    places: list[str]
    facilities: list[int]
    operated: list[int]

    @classmethod
    def of(cls, viewer: Viewer) -> Whose:
        """That of `viewer`, in one statement."""
        organizations, mine = organizations_of(viewer).query.sql_with_params()
        places, overseen = Jurisdiction.objects.overseen_by(viewer).order_by().values("pk").query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH mine (id) AS ({organizations}), overseen (id) AS ({places}), operated AS (SELECT id"  # noqa: S608 - composed of constants
                " FROM collection_facility WHERE operator_id IN (SELECT id FROM mine))"
                " SELECT ARRAY(SELECT id FROM mine), ARRAY(SELECT id FROM overseen), ARRAY(SELECT id FROM operated UNION"
                " SELECT id FROM collection_facility WHERE jurisdiction_id IN (SELECT id FROM overseen)),"
                " ARRAY(SELECT id FROM operated)",
                [*mine, *overseen],
            )
            return cls(*cursor.fetchone())


@dataclass(frozen=True)
class Tie:
    """Rows that tie the thing in their column `thing` to whoever stands in the other columns: organizations, places (so
    the regulators of them), facilities (so their operators and regulators), or facilities with their operators alone.

    `in_order`: each of these columns has an index that goes on with the thing.
    """

    rows: str
    thing: str
    organizations: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    facilities: tuple[str, ...] = ()
    operated: tuple[str, ...] = ()
    in_order: bool = False

    def of_thing(self) -> str:
        """The rows that tie the thing `thing` to one of `organizations` or `places`."""
        rows = self.rows
        conditions = [f"{column} = ANY (organizations)" for column in self.organizations]
        conditions += [f"{column} = ANY (places)" for column in self.places]
        for number, column in enumerate((*self.facilities, *self.operated)):
            rows += f"\n    LEFT JOIN collection_facility f{number} ON f{number}.id = {column}"
            conditions.append(f"f{number}.operator_id = ANY (organizations)")
            if column in self.facilities:
                conditions.append(f"f{number}.jurisdiction_id = ANY (places)")
        return f"    SELECT FROM {rows}\n    WHERE {self.thing} = thing AND (\n        {'\n        OR '.join(conditions)}\n    )"

    def of_whose(self, thing: str) -> str:
        """The rows that tie what stands in `thing` to `whose`, whose facilities are known: none has to be looked up."""
        conditions = " OR ".join(f"{column} = ANY (whose.{held})" for held, column in self.columns())
        return f"SELECT FROM {self.rows} WHERE {self.thing} = {thing} AND ({conditions})"

    def columns(self) -> Iterator[tuple[str, str]]:
        """Each column, with the name of what it holds."""
        for held in ("organizations", "places", "facilities", "operated"):
            for column in getattr(self, held):
                yield held, column


@dataclass(frozen=True)
class Sight:
    """How a kind of thing is seen: the table that it is in, and what ties it."""

    table: str
    ties: tuple[Tie, ...]

    @property
    def function(self) -> str:
        """The name of the function in the database."""
        return self.table.replace("_", "_sees_", 1)

    @property
    def body(self) -> str:
        """What the function in the database is."""
        return "SELECT EXISTS (\n" + "\n    UNION ALL\n".join(tie.of_thing() for tie in self.ties) + "\n)"

    def first_of(self, keys: Sql, whose: Whose, most: int, *, ascending: bool) -> list[Any]:
        """The first `most` of `keys`, which are in order, that are tied to `whose`: looked at one by one."""
        return first_seen(f"({keys[0]}) keys (id)", keys[1], self.is_seen("keys.id"), whose, most, ascending=ascending)

    def is_seen(self, thing: str) -> str:
        """SQL for whether what stands in `thing` is tied to `whose`."""
        return f"EXISTS ({' UNION ALL '.join(tie.of_whose(thing) for tie in self.ties)})"

    def search(self, whose: Whose, most: int, *, ascending: bool = False, beyond: int | None = None) -> list[Any]:
        """The keys of the newest (`ascending`: oldest) `most` things that are tied to `whose`, on the far side of the key
        `beyond`: looked for at each of `whose`.

        What has an index in the order of the keys gives its first ones at once. The rest is looked for no further than
        those reach.
        """
        above, below = (beyond or 0, LAST) if ascending else (0, LAST if beyond is None else beyond)
        first = f"{_order(ascending)} LIMIT {most:d}"
        parts = [_of_each(whose, *tie, first, above, below) for tie in self._columns(whose, in_order=True)]
        found = _first_of_all(parts, first)
        if len(found) == most:
            above, below = (above, found[-1]) if ascending else (found[-1], below)
        parts = [_of_any(whose, *tie, above, below) for tie in self._columns(whose, in_order=False)]
        return sorted({*found, *_first_of_all(parts, first)}, reverse=not ascending)[:most]

    def search_among(
        self, among: Sql, whose: Whose, most: int, *, ascending: bool = False, beyond: int | None = None
    ) -> list[Any]:
        """As `search`, of the keys that `among` selects: asked once of each thing that is tied, however many ties it has,
        in portions that grow, so that a filter that some of them pass is asked of few.
        """
        found: list[Any] = []
        portion = most * LOOKED_AT_FILTERED
        while True:
            tied = self.search(whose, portion, ascending=ascending, beyond=beyond)
            found += _first_among(among, tied, most - len(found), ascending=ascending)
            if len(found) == most or len(tied) < portion:
                return found
            beyond, portion = tied[-1], portion * 10

    def _columns(self, whose: Whose, *, in_order: bool) -> Iterator[tuple[Tie, str, str]]:
        """The columns of ties that could hold one of `whose`, each with its tie and the name of what it holds."""
        for tie in self.ties:
            if tie.in_order is in_order:
                yield from ((tie, held, column) for held, column in tie.columns() if getattr(whose, held))


def first_seen(
    rows: str, values: Sequence[Any], is_seen: str, whose: Whose, most: int, *, ascending: bool
) -> list[Any]:
    """The first `most` of `keys.id` in `rows` of which `is_seen` holds."""
    held, kinds = ", ".join(KEYS), ", ".join(f"%s::{kind}" for kind in KEYS.values())
    return _keys(
        f"SELECT keys.id FROM {rows}, (SELECT {kinds} OFFSET 0) whose ({held}) WHERE {is_seen}"  # noqa: S608 - composed of constants
        f" ORDER BY 1 {_order(ascending)} LIMIT %s",
        [*values, *(getattr(whose, name) for name in KEYS), most],
    )


def _of_each(whose: Whose, tie: Tie, held: str, column: str, first: str, above: int, below: int) -> Sql:
    """SQL for the first things of each of `whose` that stands in `column`.

    The pair is compared as a whole, since the order by pairs leaves the planner no index but that of the pairs. By the
    column alone it might walk along the keys of all things, in the belief that it would soon meet one.
    """
    pair = f"{column}, {tie.thing}"
    order, limit = first.split(" ", 1)
    sql = (
        f"SELECT tied.id FROM unnest(%s::{KEYS[held]}) who (id), LATERAL ("  # noqa: S608 - composed of constants
        f"SELECT DISTINCT {pair} FROM {tie.rows} WHERE {tie.thing} IS NOT NULL"
        f" AND ({pair}) > (who.id, %s) AND ({pair}) < (who.id, %s) ORDER BY 1 {order}, 2 {order} {limit}"
        ") tied (who, id)"
    )
    return sql, (getattr(whose, held), above, below)


def _of_any(whose: Whose, tie: Tie, held: str, column: str, above: int, below: int) -> Sql:
    """SQL for all things of those of `whose` that stand in `column`, in no order."""
    sql = (
        f"SELECT DISTINCT {tie.thing} FROM {tie.rows}"  # noqa: S608 - composed of constants
        f" WHERE {column} = ANY (%s::{KEYS[held]}) AND {tie.thing} > %s AND {tie.thing} < %s"
    )
    return sql, (getattr(whose, held), above, below)


def _first_of_all(parts: Sequence[Sql], first: str) -> list[Any]:
    if not parts:
        return []
    union = " UNION ALL ".join(sql for sql, _values in parts)
    values = [value for _sql, values in parts for value in values]
    return _keys(f"SELECT DISTINCT id FROM ({union}) found (id) ORDER BY 1 {first}", values)  # noqa: S608 - composed of constants


def _first_among(among: Sql, tied: list[Any], most: int, *, ascending: bool) -> list[Any]:
    """The first `most` of `tied` that `among` selects: asked of each by itself, since `OFFSET 0` keeps the planner from
    reading all that it selects.
    """
    sql, values = among
    return _keys(
        f"SELECT tied.id FROM unnest(%s::bigint[]) tied (id)"  # noqa: S608 - composed of constants
        f" WHERE EXISTS (SELECT FROM ({sql}) keys (id) WHERE keys.id = tied.id OFFSET 0)"
        f" ORDER BY 1 {_order(ascending)} LIMIT %s",
        [tied, *values, most],
    )


def _order(ascending: bool) -> str:
    return "ASC" if ascending else "DESC"


def _keys(sql: str, values: Sequence[Any]) -> list[Any]:
    with as_platform(), connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [key for (key,) in cursor.fetchall()]


class Sees(models.Func):
    """Whether `viewer` may see the thing with the key in `field`."""

    output_field = models.BooleanField()

    def __init__(self, sight: Sight, viewer: Viewer, field: str = "pk") -> None:
        places = Jurisdiction.objects.overseen_by(viewer).order_by().values("pk")
        super().__init__(
            models.F(field), ArraySubquery(organizations_of(viewer)), ArraySubquery(places), function=sight.function
        )
        self.viewer = viewer


class SeesEntry(models.Func):
    """Whether `viewer` may see an entry of the ledger: the battery or the lot that it is of."""

    output_field = models.BooleanField()
    template = "(%(expressions)s)"
    arg_joiner = " OR "

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(Sees(BATTERIES, viewer, "battery_id"), Sees(LOTS, viewer, "lot_id"))
        self.viewer = viewer


def without_sight[Rows: models.QuerySet[Any]](rows: Rows) -> tuple[Rows, Sees | SeesEntry | None]:
    """`rows`, whoever may see them, and what `visible_to` asked."""
    others, sees = rows.all(), None
    for condition in list(others.query.where.children):
        if isinstance(condition, Exact) and isinstance(condition.lhs, Sees | SeesEntry):
            others.query.where.children.remove(condition)
            sees = condition.lhs
    return others, sees


class SeenQuerySet[M: models.Model](models.QuerySet[M]):
    """Things that are seen as `sight` says."""

    sight: Sight

    def visible_to(self, user: Viewer) -> Self:
        """Those that `user` may see."""
        return self if user.is_superuser else self.filter(Sees(self.sight, user))

    def head(self, most: int, *, ascending: bool = False, beyond: Any = None) -> Self:
        """The newest (`ascending`: oldest) `most` of these, on the far side of the key `beyond`.

        Finds their keys at once, so that a list costs what it shows and not what its reader may see.
        """
        others, sees = without_sight(self)
        if sees is None:
            return self
        with suppress(EmptyResultSet):  # Django's word for a filter that nothing passes
            with as_platform():
                keys = self._first_keys(others, sees, most, ascending, beyond)
            saw(self.model, keys)
            return others.filter(pk__in=keys)
        return self.none()

    def seen_among(self, keys: Collection[Any]) -> set[Any]:
        """Which of `keys` are of these."""
        others, sees = without_sight(self.filter(pk__in=keys))
        if sees is None:
            return set(others.values_list("pk", flat=True))
        with suppress(EmptyResultSet):
            rows = others.order_by("pk").values("pk").query.sql_with_params()
            found = self.sight.first_of(rows, Whose.of(sees.viewer), len(keys), ascending=True)
            saw(self.model, found)
            return set(found)
        return set()

    def _first_keys(self, others: Self, sees: Sees | SeesEntry, most: int, ascending: bool, beyond: Any) -> list[Any]:
        is_filtered = bool(others.query.where)
        keys = others.order_by("pk" if ascending else "-pk").values("pk")
        if beyond is not None:
            keys = keys.filter(**{"pk__gt" if ascending else "pk__lt": beyond})
        whose, looked_at = Whose.of(sees.viewer), most * (LOOKED_AT_FILTERED if is_filtered else LOOKED_AT)
        found = self.sight.first_of(keys[:looked_at].query.sql_with_params(), whose, most, ascending=ascending)
        if len(found) < most and keys[looked_at : looked_at + 1].exists():
            beyond = None if beyond is None else int(beyond)
            if is_filtered:
                among = others.order_by().values("pk").query.sql_with_params()
                found = self.sight.search_among(among, whose, most, ascending=ascending, beyond=beyond)
            else:
                found = self.sight.search(whose, most, ascending=ascending, beyond=beyond)
        return found


_SHIPMENT = (
    "collection_shipmentline t"
    "\n    JOIN collection_shipment s ON s.id = t.shipment_id"
    "\n    LEFT JOIN collection_pickup p ON p.shipment_id = s.id"
)


_PICKUP = "collection_pickupbattery t\n    JOIN collection_pickup p ON p.id = t.pickup_id"


def _by_ledger_and_shipments(thing: str) -> tuple[Tie, Tie]:
    """Every organization that ever had it in custody or is about to, and the regulators of where it has been.

    Where an entry of the ledger starts needs no look: it is where the one before ended.
    """
    return (
        Tie(
            "collection_custodyevent t",
            thing,
            organizations=("t.to_organization_id", "t.from_organization_id"),
            facilities=("t.to_facility_id",),
            in_order=True,
        ),
        Tie(
            _SHIPMENT,
            thing,
            organizations=("s.shipper_id", "s.carrier_id", "p.collector_id"),
            facilities=("s.origin_id", "s.destination_id"),
        ),
    )


#: Its producer, who registered it, where it was placed on the market, where it was and is about to be.
BATTERIES = Sight(
    "collection_battery",
    (
        Tie(
            "collection_battery t",
            "t.id",
            organizations=("t.producer_id", "t.registered_by_id"),
            places=("t.placed_in_id",),
            in_order=True,
        ),
        *_by_ledger_and_shipments("t.battery_id"),
        Tie(
            f"{_PICKUP}\n    JOIN collection_collectionpoint c ON c.id = p.collection_point_id",
            "t.battery_id",
            facilities=("c.facility_id",),
        ),
        # whoever comes for it learns of it once its place agreed, by a relation or a person's word; who drives, once it did, too
        Tie(
            f"{_PICKUP} AND p.giver_means <> ''",
            "t.battery_id",
            organizations=("p.collector_id",),
            operated=("p.destination_id",),
        ),
        Tie(
            f"{_PICKUP} AND p.giver_means <> '' AND p.carrier_means <> ''",
            "t.battery_id",
            organizations=("p.carrier_id",),
        ),
    ),
)

#: Its owner, where it was and is about to be.
LOTS = Sight(
    "collection_lot",
    (Tie("collection_lot t", "t.id", organizations=("t.owner_id",)), *_by_ledger_and_shipments("t.lot_id")),
)
