"""Who takes part in the example world, and where. The places are real, the organizations are not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

from django.contrib.auth.hashers import make_password
from django.db import connection
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Function, Membership, Organization, Role, User
from collection.models import CollectionPoint, Consent, Facility, Jurisdiction, Mandate, Permit, Relation
from collection.services import consents, facilities, relations
from recycling.models import Outage, Plant, ProcessLine, Stage
from recycling.services import plants

#: For demonstration only: the command refuses to run where anybody else could reach it.
PASSWORD = "relode-demo"
DOMAIN = "demo.example"
SOURCE = "example world: simulated"

F = Function
PACIFIC, MOUNTAIN, EASTERN = "America/Los_Angeles", "America/Denver", "America/New_York"
TORONTO, MONTERREY = "America/Toronto", "America/Monterrey"

#: key: (name, functions)
ORGANIZATIONS: dict[str, tuple[str, list[Function]]] = {
    "collection": ("High Desert Battery Collection (simulated)", [F.COLLECTOR, F.CARRIER]),
    "collection-ca": ("Maple Valley Battery Logistics (simulated)", [F.COLLECTOR, F.CARRIER]),
    "collection-mx": ("Acopio Sierra Madre (simulated)", [F.COLLECTOR, F.CARRIER]),
    "carrier": ("Three Nations Freight (simulated)", [F.CARRIER]),
    "recycler": ("Great Basin Battery Recycling (simulated)", [F.RECYCLER]),
    "recycler-east": ("Allegheny Black Mass (simulated)", [F.RECYCLER]),
    "recycler-ca": ("Saint-Laurent Metals (simulated)", [F.RECYCLER]),
    "recycler-mx": ("Norte Recupera (simulated)", [F.RECYCLER]),
    "regulator": ("U.S. Battery Stewardship Desk (simulated)", [F.REGULATOR]),
    "regulator-nj": ("New Jersey Battery Desk (simulated)", [F.REGULATOR]),
    "regulator-ca": ("Canadian Battery Stewardship Desk (simulated)", [F.REGULATOR]),
    "regulator-mx": ("Mesa de Baterías de México (simulated)", [F.REGULATOR]),
    "producer": ("Alder Motors (simulated)", [F.PRODUCER]),
    "producer-2": ("Borealis Electric (simulated)", [F.PRODUCER]),
    "producer-3": ("Cima Automotriz (simulated)", [F.PRODUCER]),
    "producer-4": ("Dune Mobility (simulated)", [F.PRODUCER]),
}
PRODUCERS = ("producer", "producer-2", "producer-3", "producer-4")
MANDATES = {"regulator": "US", "regulator-nj": "US-NJ", "regulator-ca": "CA", "regulator-mx": "MX"}

#: Who logs in, and as what the command introduces them.
LOG_INS = {
    "collection": "collection operator",
    "recycler": "recycler",
    "regulator": "regulator",
    "producer": "producer",
}

#: name, kind, jurisdiction, locality, latitude, longitude, time zone, share of the packs
YARDS: list[tuple[str, str, str, str, str, str, str, int]] = [
    ("Sagebrush Auto Salvage", "salvage_yard", "US-NV", "Reno", "39.52963", "-119.81380", PACIFIC, 12),
    ("Mojave Dismantlers", "dismantler", "US-NV", "Las Vegas", "36.17497", "-115.13722", PACIFIC, 9),
    ("Delta Valley Auto Parts", "salvage_yard", "US-CA", "Stockton", "37.95770", "-121.29078", PACIFIC, 14),
    ("Foothill Fleet Services", "fleet", "US-CA", "Fresno", "36.74773", "-119.77237", PACIFIC, 9),
    ("Front Range Recyclers", "salvage_yard", "US-CO", "Pueblo", "38.25445", "-104.60914", MOUNTAIN, 11),
    ("Garden State Auto Return", "salvage_yard", "US-NJ", "Camden", "39.92595", "-75.11962", EASTERN, 11),
    ("Passaic River Motors", "dealer", "US-NJ", "Newark", "40.73566", "-74.17237", EASTERN, 7),
    ("Three Rivers Dismantling", "dismantler", "US-PA", "Pittsburgh", "40.44062", "-79.99589", EASTERN, 5),
    ("Escarpment Auto Recyclers", "salvage_yard", "CA-ON", "Hamilton", "43.25549", "-79.87338", TORONTO, 8),
    ("Recyclage Mauricie", "dismantler", "CA-QC", "Trois-Rivières", "46.34323", "-72.54283", TORONTO, 6),
    ("Yonke El Regio", "salvage_yard", "MX-NLE", "Monterrey", "25.68661", "-100.31611", MONTERREY, 6),
    ("Deshuesadero del Norte", "dismantler", "MX-COA", "Saltillo", "25.42321", "-101.00530", MONTERREY, 4),
]  # fmt: skip

#: key: (operator, name, jurisdiction, locality, latitude, longitude, time zone)
SITES: dict[str, tuple[str, str, str, str, str, str, str]] = {
    "hub": ("collection", "Sparks Consolidation Hub", "US-NV", "Sparks", "39.53491", "-119.75269", PACIFIC),
    "recycler": ("recycler", "Fernley Works", "US-NV", "Fernley", "39.60797", "-119.25183", PACIFIC),
    "recycler-east": ("recycler-east", "Bethlehem Works", "US-PA", "Bethlehem", "40.62593", "-75.37046", EASTERN),
    "recycler-ca": ("recycler-ca", "Usine de Sorel", "CA-QC", "Sorel-Tracy", "46.04178", "-73.11358", TORONTO),
    "recycler-mx": ("recycler-mx", "Planta Ramos Arizpe", "MX-COA", "Ramos Arizpe", "25.54062", "-100.94762",
                    MONTERREY),
}  # fmt: skip

#: Where the packs of a jurisdiction's yards go.
PLANT_OF = {
    "US-NV": "recycler", "US-CA": "recycler", "US-CO": "recycler", "US-NJ": "recycler-east", "US-PA": "recycler-east",
    "CA-ON": "recycler-ca", "CA-QC": "recycler-ca", "MX-NLE": "recycler-mx", "MX-COA": "recycler-mx",
}  # fmt: skip
COLLECTOR_OF = {"US": "collection", "CA": "collection-ca", "MX": "collection-mx"}

#: plant, line, stage, tonnes a year that 2,000 packs of history are worth there. The last one is too small on purpose.
LINES: list[tuple[str, str, Stage, int]] = [
    ("recycler", "Bench", Stage.DISMANTLE, 400),
    ("recycler", "Shredder", Stage.PREPROCESS, 320),
    ("recycler", "Leaching", Stage.HYDRO, 150),
    ("recycler-east", "Shredder", Stage.PREPROCESS, 150),
    ("recycler-ca", "Broyeur", Stage.PREPROCESS, 110),
    ("recycler-ca", "Lixiviation", Stage.HYDRO, 110),
    ("recycler-ca", "Raffinage", Stage.REFINE, 130),
    ("recycler-mx", "Trituradora", Stage.PREPROCESS, 38),
]  # fmt: skip

#: exporter, from, to, authority, days from now until the newest consent of the route runs out
ROUTES: list[tuple[str, str, str, str, int]] = [
    ("recycler", "US", "CA", "EPA (simulated)", 200),
    ("recycler-east", "US", "CA", "EPA (simulated)", 41),
    ("recycler-mx", "MX", "CA", "SEMARNAT (simulated)", 120),
    ("collection", "US", "CA", "EPA (simulated)", 26),
]


#: who gives, who carries for it
CARRIERS = [
    ("collection", "carrier"), ("recycler", "carrier"), ("recycler-east", "carrier"), ("recycler-mx", "carrier"),
]  # fmt: skip


@dataclass
class World:
    """The people, places and machines of the example, by the keys of the tables above."""

    now: datetime
    rng: Random
    organizations: dict[str, Organization] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)
    facilities: dict[str, Facility] = field(default_factory=dict)
    points: list[tuple[CollectionPoint, str, int]] = field(default_factory=list)
    plants: dict[str, Plant] = field(default_factory=dict)
    lines: dict[tuple[str, str], ProcessLine] = field(default_factory=dict)
    consents: list[Consent] = field(default_factory=list)

    @property
    def start(self) -> date:
        """The first day of the example's history: that of the last calendar year, so that one year is complete."""
        return date(self.now.year - 1, 1, 1)

    def actor_at(self, facility: Facility) -> Actor:
        """Who acts for the operator of a facility."""
        return next(self.actors[key] for key, o in self.organizations.items() if o.pk == facility.operator_id)

    def at(self, facility: Facility, day: date, hour: int, minute: int = 0) -> datetime:
        """An instant by the facility's own clock, but never in the future."""
        return min(
            datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(facility.time_zone)),
            self.now - timedelta(minutes=1),
        )

    def today(self, facility: Facility) -> date:
        return self.now.astimezone(ZoneInfo(facility.time_zone)).date()

    def consent(self, exporter: str, day: date) -> Consent:
        """The consent under which `exporter` ships on `day`."""
        pk = self.organizations[exporter].pk
        return next(c for c in self.consents if c.exporter_id == pk and day in c.valid)


@cache
def hashed_password() -> str:
    """The password's hash, made once: hashing is slow on purpose, and all log-ins have the same."""
    return make_password(PASSWORD)


def is_there() -> bool:
    """Whether the example world was made before."""
    return Organization.objects.filter(name=ORGANIZATIONS["collection"][0]).exists()


def build(*, seed: int, packs: int) -> World:
    """Make everybody and everything that the history needs; capacities in proportion to the number of packs."""
    world = World(now=timezone.now().replace(second=0, microsecond=0), rng=Random(seed))  # noqa: S311 - a story, no secret
    for key, (name, functions) in ORGANIZATIONS.items():
        _join(world, key, name, functions)
    for key, place in MANDATES.items():
        Mandate.objects.create(organization=world.organizations[key], jurisdiction_id=place)
    for number, (name, kind, place, locality, latitude, longitude, zone, share) in enumerate(YARDS):
        owner = f"yard-{number + 1}"
        _join(world, owner, f"{name} (simulated)", [])
        site = _facility(world, owner, name, place, locality, latitude, longitude, zone)
        world.facilities[owner] = site
        point = CollectionPoint.objects.create(facility=site, kind=kind)
        world.points.append((point, place, share))
    for key, (owner, name, place, locality, latitude, longitude, zone) in SITES.items():
        world.facilities[key] = _facility(world, owner, name, place, locality, latitude, longitude, zone)
    _agree(world)
    _open_plants(world, packs)
    _get_consents(world)
    return world


def find(*, seed: int) -> World:
    """The example world as `build` made it earlier, as far as filing reports needs it."""
    world = World(now=timezone.now().replace(second=0, microsecond=0), rng=Random(seed))  # noqa: S311
    for key, (name, _functions) in ORGANIZATIONS.items():
        world.organizations[key] = Organization.objects.get(name=name)
        world.actors[key] = Actor.of(User.objects.get(email=f"{key}@{DOMAIN}"))
    return world


def _join(world: World, key: str, name: str, functions: list[Function]) -> None:
    organization = Organization.objects.create(name=name, functions=[str(f) for f in functions], is_simulated=True)
    user = User.objects.create_user(f"{key}@{DOMAIN}", None, name=f"{name.removesuffix(' (simulated)')}, manager")
    if key in LOG_INS:
        user.password = hashed_password()
        user.save(update_fields=["password"])
    Membership.objects.create(user=user, organization=organization, role=Role.MANAGER)
    world.organizations[key] = organization
    world.actors[key] = Actor.of(user)


def _facility(
    world: World, owner: str, name: str, place: str, locality: str, latitude: str, longitude: str, zone: str
) -> Facility:
    return Facility.objects.create(
        operator=world.organizations[owner], name=f"{name} (simulated)", jurisdiction_id=place,
        locality=locality, latitude=Decimal(latitude), longitude=Decimal(longitude), time_zone=zone, source=SOURCE,
        is_simulated=True,
    )  # fmt: skip


def _agree(world: World) -> None:
    """Collectors offer the yards of their country to collect there, who ships offers carriers to carry; both are accepted."""
    collect, carry = Relation.Kind.COLLECT, Relation.Kind.CARRY
    offers = [(f"yard-{n}", COLLECTOR_OF[yard[2][:2]], collect) for n, yard in enumerate(YARDS, start=1)]
    offers += [(giver, carrier, carry) for giver, carrier in CARRIERS]
    for giver, taker, kind in offers:
        proposes, answers = (taker, giver) if kind == collect else (giver, taker)
        offered = relations.offer(
            actor=world.actors[proposes], kind=kind, giver=world.organizations[giver], is_simulated=True,
            taker=world.organizations[taker],
        )  # fmt: skip
        relations.accept(actor=world.actors[answers], relation=offered)


def _open_plants(world: World, packs: int) -> None:
    for key in dict.fromkeys(plant for plant, *_rest in LINES):
        world.plants[key] = plants.open_plant(
            actor=world.actors[key], facility=world.facilities[key], shows_free_capacity=True
        )
    for key, name, stage, tonnes in LINES:
        line = plants.add_line(actor=world.actors[key], plant=world.plants[key], name=name, stage=stage)
        world.lines[key, name] = line
        plants.add_nameplate(
            actor=world.actors[key], line=line, valid_from=date(world.start.year - 1, 1, 1), source=SOURCE,
            t_per_year=(Decimal(tonnes) * packs / 2000).quantize(Decimal("0.1")),
        )  # fmt: skip
        summer = date(world.now.year - 1, 7, 20)
        plants.add_outage(
            actor=world.actors[key], line=line, first_day=summer, last_day=summer + timedelta(days=8),
            kind=Outage.Kind.PLANNED, reason="yearly overhaul (simulated)",
        )  # fmt: skip
    facilities.add_permit(
        actor=world.actors["recycler-ca"], facility=world.facilities["recycler-ca"], kind=Permit.Kind.EQUIVALENT,
        number="SIM-EQ-1", valid_from=date(world.start.year - 1, 1, 1), valid_until=date(world.now.year + 3, 12, 31),
        source=SOURCE,
    )  # fmt: skip
    plants.add_outage(
        actor=world.actors["recycler"], line=world.lines["recycler", "Shredder"], kind=Outage.Kind.UNPLANNED,
        first_day=(world.now - timedelta(days=40)).date(), last_day=(world.now - timedelta(days=36)).date(),
        share=Decimal("0.5"), reason="rotor knives worn (simulated)",
    )  # fmt: skip


def _get_consents(world: World) -> None:
    """A consent holds a year at most, so each route needs one after the other."""
    for exporter, source, target, authority, days_left in ROUTES:
        last_day = world.now.date() + timedelta(days=days_left)
        number = 1
        while last_day >= world.start:
            world.consents.append(
                consents.record(
                    actor=world.actors[exporter], exporter=world.organizations[exporter],
                    importer=world.organizations["recycler-ca"], from_country=Jurisdiction.objects.get(pk=source),
                    to_country=Jurisdiction.objects.get(pk=target), authority=authority, valid_until=last_day,
                    valid_from=last_day - timedelta(days=364), number=f"SIM-{exporter.upper()}-{number}",
                    limit_kg=Decimal(2_000_000), is_simulated=True,
                )
            )  # fmt: skip
            last_day -= timedelta(days=365)
            number += 1


def take_stock() -> None:
    """Have PostgreSQL look at what is there.

    The whole example is one transaction, which autovacuum cannot see into; without statistics the queries of triggers
    read whole tables.
    """
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
