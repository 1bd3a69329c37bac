"""The test world: a yard, a collector with trucks, a recycler, a producer, regulators, and strangers to them all.

`build()` makes it; every name in it says what it may do. Nobody in it belongs to two organizations.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Function, Membership, Organization, Role, User
from collection.models import (
    Battery,
    BatteryModel,
    Chemistry,
    CollectionPoint,
    Composition,
    CompositionElement,
    Condition,
    Facility,
    Handover,
    Jurisdiction,
    Mandate,
    Material,
    MaterialElement,
    Relation,
    Shipment,
)
from collection.services import batteries, pickups, shipments
from collection.services.findings import Scan
from collection.services.identifiers import NewIdentifier
from collection.services.packing import NewLine
from recycling.models import Nameplate, Plant, ProcessLine, Stage

_serials = count(1)

#: kg per kWh; BatPaC-like round figures, so that expected values can be worked out by hand.
INTENSITIES = {
    "NMC622": {"Li": "0.11", "Ni": "0.55", "Co": "0.18", "Mn": "0.17", "Cu": "0.39", "graphite": "0.91"},
    "LFP": {"Li": "0.09", "Fe": "0.70", "P": "0.39", "Cu": "0.55", "graphite": "0.98"},
}


@dataclass
class World:
    """Organizations, one person each per role that tests need, places and reference data."""

    us: Jurisdiction
    nv: Jurisdiction
    nj: Jurisdiction
    ca: Jurisdiction
    on: Jurisdiction
    mx: Jurisdiction

    yard_owner: Organization
    collector: Organization
    carrier: Organization
    recycler: Organization
    refiner: Organization
    producer: Organization
    other_producer: Organization
    regulator: Organization
    federal: Organization
    stranger: Organization

    yard: Facility
    hub: Facility
    plant_site: Facility
    refinery_site: Facility
    stranger_site: Facility

    point: CollectionPoint
    plant: Plant
    refinery: Plant
    shredder: ProcessLine
    hydro: ProcessLine

    nmc: Chemistry
    lfp: Chemistry
    nmc_pack: BatteryModel
    lfp_pack: BatteryModel

    users: dict[str, User]

    def user(self, organization: Organization, role: str = Role.OPERATOR) -> User:
        """The person of `organization` with `role`."""
        return self.users[f"{organization.pk}/{role}"]

    def actor(self, organization: Organization, role: str = Role.OPERATOR) -> Actor:
        return Actor.of(self.user(organization, role))


def now() -> datetime:
    return timezone.now()


def ago(**delta: float) -> datetime:
    """An instant in the past: `ago(days=3)`."""
    return timezone.now() - timedelta(**delta)


def build() -> World:
    """Make the whole world; about 100 rows."""
    Jurisdiction.objects.bulk_create(
        [
            Jurisdiction(code=code, name=name, kind=kind, parent_id=parent, time_zone=zone)
            for code, name, kind, parent, zone in [
                ("US", "United States", "country", None, "America/New_York"),
                ("CA", "Canada", "country", None, "America/Toronto"),
                ("MX", "Mexico", "country", None, "America/Mexico_City"),
                ("US-NV", "Nevada", "state", "US", "America/Los_Angeles"),
                ("US-NJ", "New Jersey", "state", "US", "America/New_York"),
                ("CA-ON", "Ontario", "province", "CA", "America/Toronto"),
            ]
        ],
        ignore_conflicts=True,
    )
    places = Jurisdiction.objects.in_bulk()
    users: dict[str, User] = {}
    memberships: list[Membership] = []

    def organization(name: str, *functions: str) -> Organization:
        made = Organization.objects.create(name=name, functions=list(functions))
        for role in Role:
            email = f"{role}@{name.lower().replace(' ', '-')}.example"
            users[f"{made.pk}/{role}"] = User(email=email, name=f"{name} {role}")
            memberships.append(Membership(user=users[f"{made.pk}/{role}"], organization=made, role=role))
        return made

    yard_owner = organization("Yard Owner", Function.COLLECTOR)
    collector = organization("Collector", Function.COLLECTOR)
    carrier = organization("Carrier", Function.CARRIER)
    recycler = organization("Recycler", Function.RECYCLER)
    refiner = organization("Refiner", Function.RECYCLER)
    producer = organization("Producer", Function.PRODUCER)
    other_producer = organization("Other Producer", Function.PRODUCER)
    regulator = organization("Nevada Regulator", Function.REGULATOR)
    federal = organization("Federal Regulator", Function.REGULATOR)
    stranger = organization("Stranger", *[f for f in Function if f != Function.REGULATOR])
    User.objects.bulk_create(users.values())
    Membership.objects.bulk_create(memberships)
    Mandate.objects.create(organization=regulator, jurisdiction=places["US-NV"])
    Mandate.objects.create(organization=federal, jurisdiction=places["US"])

    def facility(operator: Organization, name: str, place: str, **fields: Any) -> Facility:
        return Facility.objects.create(
            operator=operator, name=name, jurisdiction=places[place], time_zone=places[place].time_zone, **fields
        )

    yard = facility(yard_owner, "Reno Yard", "US-NV")
    hub = facility(collector, "Sparks Hub", "US-NV")
    plant_site = facility(recycler, "Storey Plant", "US-NV")
    refinery_site = facility(refiner, "Kingston Refinery", "CA-ON")
    stranger_site = facility(stranger, "Elsewhere", "US-NJ")
    plant = Plant.objects.create(facility=plant_site)
    refinery = Plant.objects.create(facility=refinery_site)
    shredder = ProcessLine.objects.create(plant=plant, name="Shredder", stage=Stage.PREPROCESS)
    hydro = ProcessLine.objects.create(plant=refinery, name="Hydro", stage=Stage.HYDRO)
    for line, tonnes in ((shredder, 3650), (hydro, 1825)):
        Nameplate.objects.create(
            line=line, t_per_year=tonnes, valid=(datetime(2020, 1, 1, tzinfo=UTC).date(), None), source="test world"
        )

    chemistries = {}
    for code, family in (("NMC622", "lithium"), ("LFP", "lithium")):
        chemistries[code] = Chemistry.objects.get_or_create(code=code, defaults={"name": code, "family": family})[0]
        composition = Composition.objects.create(
            chemistry_id=code, version="test", pack_kg_per_kwh=Decimal("5.0" if code == "NMC622" else "6.5"),
            is_default=True, source="test world", confidence="S",
        )  # fmt: skip
        CompositionElement.objects.bulk_create(
            CompositionElement(composition=composition, element=element, kg_per_kwh=Decimal(kg))
            for element, kg in INTENSITIES[code].items()
        )
    nmc_pack = BatteryModel.objects.create(
        code="nmc-60", name="NMC 60", producer=producer, chemistry=chemistries["NMC622"], rated_kwh=Decimal(60), mass_kg=Decimal(400),
        confidence="S",
    )  # fmt: skip
    lfp_pack = BatteryModel.objects.create(
        code="lfp-50", name="LFP 50", producer=other_producer, chemistry=chemistries["LFP"], rated_kwh=Decimal(50), mass_kg=Decimal(360),
        confidence="S",
    )  # fmt: skip
    Material.objects.bulk_create(
        [
            Material(code=code, name=name, kind=kind, is_converted=kind == "product", is_substitute=kind == "product")
            for code, name, kind in (
                ("black_mass", "Black mass", "intermediate"),
                ("li2co3", "Lithium carbonate", "product"),
                ("niso4_6h2o", "Nickel sulfate hexahydrate", "product"),
                ("copper", "Copper", "product"),
                ("slag", "Slag", "residue"),
                ("offgas", "Energy from off-gas", "energy"),
            )
        ],
        ignore_conflicts=True,
    )
    MaterialElement.objects.bulk_create(
        [
            MaterialElement(material_id=code, element=element, fraction=Decimal(fraction))
            for code, element, fraction in (
                ("li2co3", "Li", "0.18787000"),
                ("niso4_6h2o", "Ni", "0.22329000"),
                ("copper", "Cu", "1"),
            )
        ],
        ignore_conflicts=True,
    )

    for kind, giver, taker in (
        ("collect", yard_owner, collector),
        *(("carry", giver, carrier) for giver in (yard_owner, collector, recycler, refiner, producer)),
    ):
        Relation.objects.create(
            kind=kind, giver=giver, taker=taker, offered_by=giver, status="accepted", unannounced=kind == "collect",
            conditions=Condition.values,
        )  # fmt: skip

    return World(
        us=places["US"], nv=places["US-NV"], nj=places["US-NJ"], ca=places["CA"], on=places["CA-ON"], mx=places["MX"],
        yard_owner=yard_owner, collector=collector, carrier=carrier, recycler=recycler, refiner=refiner,
        producer=producer, other_producer=other_producer, regulator=regulator, federal=federal, stranger=stranger,
        yard=yard, hub=hub, plant_site=plant_site, refinery_site=refinery_site, stranger_site=stranger_site,
        point=CollectionPoint.objects.create(facility=yard, kind="salvage_yard"), plant=plant, refinery=refinery,
        shredder=shredder, hydro=hydro, nmc=chemistries["NMC622"], lfp=chemistries["LFP"], nmc_pack=nmc_pack,
        lfp_pack=lfp_pack, users=users,
    )  # fmt: skip


def serial() -> NewIdentifier:
    """An identifier that nobody has yet."""
    return NewIdentifier("oem_serial", f"SN-{next(_serials):06}", "test")


def batteries_at(
    world: World, facility: Facility, number: int = 1, *, at: datetime | None = None, **fields: Any
) -> list[Battery]:
    """Batteries given up at `facility` (of the NMC model and 400 kg, unless said otherwise); their producers accepted them."""
    made = claimed_at(world, facility, number, at=at, **fields)
    Battery.objects.filter(pk__in=[battery.pk for battery in made]).exclude(producer=None).update(
        producer_ground="accepted"
    )
    for battery in made:
        battery.refresh_from_db(fields=["producer_ground"])
    return made


def claimed_at(
    world: World, facility: Facility, number: int = 1, *, at: datetime | None = None, **fields: Any
) -> list[Battery]:
    """As `batteries_at`, but nobody has confirmed yet whose they are."""
    fields = {"model": world.nmc_pack, "mass_value": Decimal(400), "placed_in": world.nv, **fields}
    return batteries.register_many(
        actor=world.actor(facility.operator), organization=facility.operator, facility=facility,
        occurred_at=at or ago(days=30),
        batteries=[batteries.NewBattery(identifiers=[serial()], **fields) for _ in range(number)],
    )  # fmt: skip


def requested_pickup(world: World, **fields: Any) -> Any:
    """A pickup at the yard that awaits its schedule."""
    return pickups.request(
        **{
            "actor": world.actor(world.yard_owner),
            "collection_point": world.point, "collector": world.collector, "packs_expected": 100,
            "convenient_from": ago(days=10), "convenient_until": ago(days=5), **fields,
        },
    )  # fmt: skip


def scheduled_pickup(world: World, destination: Facility | None = None, **fields: Any) -> Any:
    """A pickup that a truck can carry out now."""
    return pickups.schedule(
        actor=world.actor(world.collector), pickup=requested_pickup(world, **fields), carrier=world.carrier,
        destination=destination or world.plant_site, window_start=ago(days=8), window_end=ago(days=7),
    )  # fmt: skip


def collected_pickup(world: World, number: int = 2, destination: Facility | None = None, **fields: Any) -> Any:
    """A pickup whose batteries are on the road."""
    packs = batteries_at(world, world.yard, number, **fields)
    return pickups.collect(
        actor=world.actor(world.carrier), pickup=scheduled_pickup(world, destination), collected_at=ago(days=7),
        batteries=[Scan(battery=battery.pk) for battery in packs],
    )  # fmt: skip


def drafted_shipment(
    world: World,
    things: list[Battery],
    origin: Facility | None = None,
    destination: Facility | None = None,
    **fields: Any,
) -> Shipment:
    """A draft with `things` on it, from the yard to the plant unless said otherwise."""
    origin = origin or world.yard
    return shipments.draft(
        actor=world.actor(origin.operator), origin=origin, destination=destination or world.plant_site,
        lines=[NewLine(battery=thing.pk) for thing in things], **{"carrier": world.carrier, **fields},
    )  # fmt: skip


def handed_over(world: World, shipment: Shipment, giver: Organization | None = None, **fields: Any) -> Handover:
    """A hand-over for rows of the ledger that a test writes by itself, to the carrier of `shipment` unless said otherwise."""
    return Handover.objects.create(
        **{
            "giver": giver or shipment.shipper, "taker": shipment.carrier, "facility": shipment.origin,
            "shipment": shipment, "occurred_at": ago(days=9), "giver_means": "earlier", "taker_means": "earlier", **fields,
        }
    )  # fmt: skip
