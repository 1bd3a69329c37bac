"""The way from the gate: packs to black mass, black mass over borders, and two stages of refining.

What comes out of a batch follows from what is known to be in it, by recovery rates in round figures of the size that
the literature gives for such processes; the plants of the example are nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import count

from collection.models import PARTS, Lot, LotStatus, Material, MaterialElement, Shipment, Use
from collection.services import lots, shipments
from collection.services.packing import NewLine
from demo.history import TARE_KG, History
from demo.world import World, take_stock
from recycling.models import Batch
from recycling.queries.contents import inputs
from recycling.services import batches, charges, intakes, outputs
from recycling.services.charges import LotCharge

type Masses = Mapping[str, Decimal]

#: Shares of an element that come out of shredding and sieving in the black mass, in per cent.
INTO_BLACK_MASS = {
    "Li": 95, "Ni": 97, "Co": 97, "Mn": 96, "graphite": 93, "Cu": 4, "Cu-cell": 4, "Al": 4, "P": 95, "REE": 90, "Fe-cell": 95,
}  # fmt: skip
#: Plants that take packs apart before they shred the modules.
DISMANTLES = {"recycler": "Bench"}
#: Elements are about this share of dry black mass; the rest is oxygen, fluorine, binder and carbon black.
BLACK_MASS_ELEMENTS = Decimal("0.84")
#: Iron to phosphorus in iron phosphate, by mass.
FE_PER_P = Decimal("1.803")

BUYERS = "Cathode Works of Anywhere (simulated)"


class Works:
    """The plants at work, month by month."""

    def __init__(self, world: World, history: History) -> None:
        self.world, self.history, self.rng = world, history, world.rng
        self.materials = {material.pk: material for material in Material.objects.all()}
        self.pure: dict[str, dict[str, Decimal]] = {}
        for row in MaterialElement.objects.all():
            self.pure.setdefault(row.material_id, {})[row.element] = row.fraction
        self.numbers = count(1)
        self.begun = 0

    def run(self) -> None:
        """All months of the history: shredding, then what follows from it, each thing in the order of its time."""
        for key in self.world.plants:
            self._shred_all(key)
        self._ship_all("recycler-east", "black-mass", gap=75)
        self._ship_all("recycler-mx", "black-mass", gap=90)
        self._leach_all("recycler", "Leaching", gap=75)
        self._ship_all("recycler", "mhp", gap=95)
        self._leach_all("recycler-ca", "Lixiviation", gap=70)
        self._refine_all(gap=95)
        self._sell()

    # Shredding

    def _shred_all(self, key: str) -> None:
        name = next(name for plant, name in self.world.lines if plant == key)
        waiting = sorted(self.history.ready[key], key=lambda ready: ready.since)
        for day in self._days(30, 52):
            at = self.world.at(self.world.facilities[key], day, 8)
            due = [ready.battery for ready in waiting if ready.since < at]
            if len(due) >= 6:
                self.begun += 1
                if self.begun in (1, 4, 20):
                    take_stock()
                self.shred(key, name, due, at)
                waiting = [ready for ready in waiting if ready.since >= at]
        self.history.ready[key] = waiting

    def shred(self, key: str, line: str, packs: list[int], at: datetime) -> Batch:
        """One batch, charged on two days and closed on the third."""
        actor = self.world.actors[key]
        batch = self.open(key, line, at)
        half = len(packs) // 2
        for charged_at, some in ((at + timedelta(hours=1), packs[:half]), (at + timedelta(days=1), packs[half:])):
            if key in DISMANTLES:
                modules = LotCharge(self.dismantle(key, some, charged_at - timedelta(hours=20)).pk)
                charges.charge(actor=actor, batch=batch, charged_at=charged_at, lots=[modules])
            else:
                charges.charge(actor=actor, batch=batch, charged_at=charged_at, batteries=some)
        self.record_shredded(key, batch, at + timedelta(days=1, hours=6))
        return batches.close(actor=actor, batch=batch, closed_at=at + timedelta(days=2))

    def dismantle(self, key: str, packs: list[int], at: datetime) -> Lot:
        """Casings, busbars and cables off the packs; the modules contain what is left."""
        actor = self.world.actors[key]
        batch = self.open(key, DISMANTLES[key], at)
        charges.charge(actor=actor, batch=batch, charged_at=at + timedelta(hours=1), batteries=packs)
        content = inputs([batch.pk]).get(batch.pk, {})
        charged = sum((charge.mass_kg for charge in batch.charges.all()), Decimal(0))
        made = at + timedelta(hours=14)
        steel = content.get("Fe", Decimal(0)) - content.get("Fe-cell", Decimal(0))
        cables = content.get("Cu", Decimal(0)) - content.get("Cu-cell", content.get("Cu", Decimal(0)))
        mass = self._product(key, batch, "casing-steel", steel * 85 / 100, made)
        mass += self._product(key, batch, "casing-aluminum", content.get("Al", Decimal(0)) * 35 / 100, made)
        mass += self._assayed(key, batch, "busbars-cables", {"Cu": cables * 95 / 100}, made, Decimal("0.8"))
        modules = outputs.record_output(
            actor=actor, batch=batch, number=f"{batch.number}-MODULES", material=self.materials["modules"],
            mass_value=((charged - mass) * 97 / 100).quantize(Decimal("0.1"), ROUND_DOWN), made_at=made, by_difference=True,
        )  # fmt: skip
        batches.close(actor=actor, batch=batch, closed_at=at + timedelta(hours=16))
        return modules

    def record_shredded(self, key: str, batch: Batch, at: datetime) -> None:
        """Black mass, metals and the rest, from what was charged so far."""
        content = inputs([batch.pk]).get(batch.pk, {})
        charged = sum((charge.mass_kg for charge in batch.charges.all()), Decimal(0))
        black = {e: content.get(e, Decimal(0)) * percent / 100 for e, percent in INTO_BLACK_MASS.items()}
        iron = content.get("Fe", Decimal(0))
        of_cells = black["Fe-cell"] if "Fe-cell" in content else black["P"] * FE_PER_P
        black["Fe"] = min(iron / 2, of_cells + iron / 100)
        black["Fe-cell"] = min(black["Fe-cell"], black["Fe"])
        foil = content.get("Cu-cell", Decimal(0))
        mass = self._assayed(key, batch, "black-mass", black, at, BLACK_MASS_ELEMENTS, moisture=Decimal("0.02"))
        for material, kg in (
            ("copper-foil", foil * 90 / 100),
            ("copper", (content.get("Cu", Decimal(0)) - foil) * 90 / 100),
            ("aluminum", content.get("Al", Decimal(0)) * 88 / 100),
        ):
            mass += self._product(key, batch, material, kg, at)
        mass += self._product(key, batch, "steel", (iron - black["Fe"]) * 92 / 100, at)
        rest = charged - mass
        if rest > 10:
            self._output(key, batch, "plastics", rest * 55 / 100, at, {})
            self._output(key, batch, "filter-dust", rest / 5, at, {})

    # Leaching and refining

    def _leach_all(self, key: str, line: str, gap: int) -> None:
        for day in self._days(60, gap):
            at = self.world.at(self.world.facilities[key], day, 7)
            stock = self.stock(key, "black-mass", at)
            if stock:
                self.leach(key, line, stock, at)

    def leach(self, key: str, line: str, stock: list[Lot], at: datetime) -> Batch:
        """Black mass to lithium carbonate, mixed hydroxide, graphite and iron phosphate."""
        actor = self.world.actors[key]
        batch = self.open(key, line, at)
        charges.charge(
            actor=actor, batch=batch, charged_at=at + timedelta(hours=2), lots=[LotCharge(lot.pk) for lot in stock]
        )
        content = inputs([batch.pk]).get(batch.pk, {})
        charged = sum((lot.mass_kg for lot in stock), Decimal(0))
        for name, share in (("sulfuric acid", "1.4"), ("soda ash", "0.9"), ("process water", "2.5")):
            outputs.add_reagent(
                actor=actor, batch=batch, name=name, mass_value=(charged * Decimal(share)).quantize(Decimal("0.1"))
            )
        made = at + timedelta(days=3)
        self._product(key, batch, "li2co3", content.get("Li", Decimal(0)) * 87 / 100, made)
        hydroxide = {
            e: content.get(e, Decimal(0)) * percent / 100 for e, percent in (("Ni", 96), ("Co", 95), ("Mn", 93))
        }
        self._assayed(key, batch, "mhp", hydroxide, made, Decimal("0.52"), moisture=Decimal("0.38"))
        self._product(key, batch, "graphite", content.get("graphite", Decimal(0)) * 82 / 100, made)
        iron = content.get("Fe-cell", content.get("Fe", Decimal(0)))
        phosphorus = min(content.get("P", Decimal(0)) * 85 / 100, iron * 9 / 10 / FE_PER_P)
        self._product(key, batch, "fepo4", phosphorus, made, by="P")
        lost = {e: content.get(e, Decimal(0)) * percent / 100 for e, percent in (("Li", 6), ("Cu", 60), ("Al", 70))}
        self._assayed(key, batch, "sodium-sulfate", lost, made, Decimal("0.05"))
        return batches.close(actor=actor, batch=batch, closed_at=at + timedelta(days=4))

    def _refine_all(self, gap: int) -> None:
        key, line = "recycler-ca", "Raffinage"
        actor = self.world.actors[key]
        for day in self._days(110, gap):
            at = self.world.at(self.world.facilities[key], day, 6)
            stock = self.stock(key, "mhp", at)
            if not stock:
                continue
            batch = self.open(key, line, at)
            charges.charge(
                actor=actor, batch=batch, charged_at=at + timedelta(hours=2), lots=[LotCharge(lot.pk) for lot in stock]
            )
            content = inputs([batch.pk]).get(batch.pk, {})
            charged = sum((lot.mass_kg for lot in stock), Decimal(0))
            outputs.add_reagent(
                actor=actor, batch=batch, name="sulfuric acid and water", mass_value=(charged * 5).quantize(Decimal(1))
            )
            made = at + timedelta(days=4)
            for material, element, percent in (
                ("niso4-6h2o", "Ni", 97),
                ("coso4-7h2o", "Co", 96),
                ("mnso4-h2o", "Mn", 94),
            ):
                self._product(key, batch, material, content.get(element, Decimal(0)) * percent / 100, made)
            batches.close(actor=actor, batch=batch, closed_at=at + timedelta(days=5))

    # Over the border

    def _ship_all(self, key: str, material: str, gap: int) -> None:
        for day in self._days(50, gap):
            stock = self.stock(key, material, self.world.at(self.world.facilities[key], day, 9))
            if stock:
                shipment = self.dispatch(key, stock, day)
                arrival = self.world.at(self.world.facilities["recycler-ca"], day + timedelta(days=4), 11)
                total = sum((lot.mass_kg for lot in stock), Decimal(0))
                intakes.record(
                    actor=self.world.actors["recycler-ca"], plant=self.world.plants["recycler-ca"], shipment=shipment,
                    ticket=f"SIM-{next(self.history.tickets)}", weighed_at=arrival, tare_value=TARE_KG,
                    gross_value=(TARE_KG + total).quantize(Decimal(1)), is_simulated=True,
                )  # fmt: skip

    def dispatch(self, key: str, stock: list[Lot], day: date) -> Shipment:
        """A truck with lots leaves for the refinery in Canada, under the consent of its route."""
        world, origin = self.world, self.world.facilities[key]
        actor = world.actors[key]
        shipment = shipments.draft(
            actor=actor, origin=origin, destination=world.facilities["recycler-ca"], vehicle="SIM-XB",
            carrier=world.organizations["carrier"], consent=world.consent(key, day), is_simulated=True,
            lines=[NewLine(lot=lot.pk) for lot in stock],
        )  # fmt: skip
        shipments.document(actor=actor, shipment=shipment, kind="movement", number=f"SIM-MD-{shipment.pk}")
        shipments.make_ready(actor=actor, shipment=shipment)
        return shipments.dispatch(actor=actor, shipment=shipment, dispatched_at=world.at(origin, day, 10))

    # What became of it

    def _sell(self) -> None:
        """Products and residues older than six weeks have left; a few lots stay in stock."""
        fates = {
            "product": LotStatus.SOLD, "filter-dust": LotStatus.LANDFILLED, "plastics": LotStatus.ENERGY_RECOVERED,
            "sodium-sulfate": LotStatus.MINERALIZED,
        }  # fmt: skip
        uses = {
            "product": Use.ORIGINAL, "filter-dust": Use.DISPOSAL, "plastics": Use.ENERGY, "sodium-sulfate": Use.DISPOSAL,
        }  # fmt: skip
        until = self.world.now - timedelta(days=42)
        rows = Lot.objects.filter(status=LotStatus.IN_STOCK, made_at__lt=until).exclude(material__kind="intermediate")
        actors = {site.pk: self.world.actor_at(site) for site in self.world.facilities.values()}
        for lot in rows.select_related("material").order_by("pk"):
            if self.rng.random() < 0.15:
                continue
            kind = "product" if lot.material.kind == Material.Kind.PRODUCT else lot.material_id
            lots.dispose(
                actor=actors[lot.facility_id or 0], lot=lot, disposition=fates[kind], note=BUYERS, use=uses[kind],
                ended_waste=kind == "product", disposed_at=lot.made_at + timedelta(days=self.rng.randint(8, 40)),
            )  # fmt: skip

    # Common steps

    def open(self, key: str, line: str, at: datetime) -> Batch:
        number = f"SIM-{self.world.lines[key, line].get_stage_display()[:3].upper()}-{next(self.numbers):03}"
        return batches.open_batch(
            actor=self.world.actors[key], line=self.world.lines[key, line], number=number, started_at=at,
            is_simulated=True,
        )  # fmt: skip

    def _days(self, first: int, gap: int) -> list[date]:
        """The days of something regular, from day `first` of the history until twelve days ago."""
        last = self.world.now.date() - timedelta(days=12)
        day = self.world.start + timedelta(days=first)
        found = []
        while day <= last:
            found.append(day)
            day += timedelta(days=gap)
        return found

    def stock(self, key: str, material: str, at: datetime) -> list[Lot]:
        """Lots of a material that were at a plant by then."""
        rows = Lot.objects.held_at(self.world.facilities[key]).filter(material=material, made_at__lt=at)
        arrived = rows.order_by("pk").prefetch_related("events")
        return [lot for lot in arrived if max(event.occurred_at for event in lot.events.all()) < at]

    def _assayed(
        self, key: str, batch: Batch, material: str, elements: Masses, at: datetime, share: Decimal,
        moisture: Decimal = Decimal(0),
    ) -> Decimal:  # fmt: skip
        """A lot with these elements, which are `share` of its dry mass; its wet mass."""
        dry = sum((kg for element, kg in elements.items() if element not in PARTS), Decimal(0)) / share
        if dry < 1:
            return Decimal(0)
        wet = (dry / (1 - moisture)).quantize(Decimal("0.1"))
        parts = {
            e: (kg / (wet * (1 - moisture))).quantize(Decimal("0.00000001"), ROUND_DOWN)
            for e, kg in elements.items()
            if kg
        }
        return self._output(key, batch, material, wet, at, parts, moisture)

    def _product(self, key: str, batch: Batch, material: str, kg: Decimal, at: datetime, *, by: str = "") -> Decimal:
        """A pure product that contains `kg` of an element; its mass."""
        pure = self.pure[material]
        mass = (kg / pure[by or next(iter(pure))]).quantize(Decimal("0.1"), ROUND_DOWN)
        return self._output(key, batch, material, mass, at, None) if mass >= 1 else Decimal(0)

    def _output(
        self, key: str, batch: Batch, material: str, mass: Decimal, at: datetime, assays: Masses | None,
        moisture: Decimal = Decimal(0),
    ) -> Decimal:  # fmt: skip
        mass = mass.quantize(Decimal("0.1"), ROUND_DOWN)
        outputs.record_output(
            actor=self.world.actors[key], batch=batch, number=f"{batch.number}-{material}".upper(), mass_value=mass,
            material=self.materials[material], made_at=at, assays=assays, moisture=moisture,
        )  # fmt: skip
        return mass
