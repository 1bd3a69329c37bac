from collection.models.batteries import (
    BATTERY_MOVES,
    Battery,
    BatteryModel,
    BatteryStatus,
    Condition,
    Ground,
    Identifier,
)
from collection.models.chemistries import Chemistry, Composition, CompositionElement, Element
from collection.models.custody import CustodyEvent, CustodyKind
from collection.models.facilities import CollectionPoint, Facility, Permit
from collection.models.imports import IMPORT_MOVES, IMPORTING_FUNCTIONS, ImportRowError, ImportRun, ImportStatus
from collection.models.jurisdictions import Jurisdiction, Mandate
from collection.models.lots import DISPOSITIONS, LOT_MOVES, Assay, Lot, LotStatus
from collection.models.materials import Material, MaterialElement
from collection.models.pickups import OPEN_PICKUPS, PICKUP_MOVES, Pickup, PickupBattery, PickupStatus
from collection.models.proposals import PROPOSAL_MOVES, Proposal, ProposalStatus
from collection.models.shipments import (
    SHIPMENT_MOVES,
    Consent,
    Package,
    Shipment,
    ShipmentLine,
    ShipmentStatus,
    TransportDocument,
)
from collection.models.sources import Confidence

__all__ = [
    "BATTERY_MOVES",
    "DISPOSITIONS",
    "IMPORTING_FUNCTIONS",
    "IMPORT_MOVES",
    "LOT_MOVES",
    "OPEN_PICKUPS",
    "PICKUP_MOVES",
    "PROPOSAL_MOVES",
    "SHIPMENT_MOVES",
    "Assay",
    "Battery",
    "BatteryModel",
    "BatteryStatus",
    "Chemistry",
    "CollectionPoint",
    "Composition",
    "CompositionElement",
    "Condition",
    "Confidence",
    "Consent",
    "CustodyEvent",
    "CustodyKind",
    "Element",
    "Facility",
    "Ground",
    "Identifier",
    "ImportRowError",
    "ImportRun",
    "ImportStatus",
    "Jurisdiction",
    "Lot",
    "LotStatus",
    "Mandate",
    "Material",
    "MaterialElement",
    "Package",
    "Permit",
    "Pickup",
    "PickupBattery",
    "PickupStatus",
    "Proposal",
    "ProposalStatus",
    "Shipment",
    "ShipmentLine",
    "ShipmentStatus",
    "TransportDocument",
]
