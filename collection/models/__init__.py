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
from collection.models.handovers import CONTEST_MOVES, Contest, ContestStatus, Handover, Receipt
from collection.models.imports import IMPORT_MOVES, IMPORTING_FUNCTIONS, ImportRowError, ImportRun, ImportStatus
from collection.models.jurisdictions import Jurisdiction, Mandate
from collection.models.lots import DISPOSITIONS, LOT_MOVES, Assay, Lot, LotStatus
from collection.models.materials import Material, MaterialElement
from collection.models.pickups import (
    FINDING_MOVES,
    OPEN_PICKUPS,
    PICKUP_MOVES,
    FindingStatus,
    Pickup,
    PickupBattery,
    PickupCode,
    PickupFinding,
    PickupStatus,
)
from collection.models.proposals import PROPOSAL_MOVES, Proposal, ProposalStatus
from collection.models.relations import RELATION_MOVES, STANDING, ClaimedOrganization, Means, Relation, RelationStatus
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
    "CONTEST_MOVES",
    "DISPOSITIONS",
    "FINDING_MOVES",
    "IMPORTING_FUNCTIONS",
    "IMPORT_MOVES",
    "LOT_MOVES",
    "OPEN_PICKUPS",
    "PICKUP_MOVES",
    "PROPOSAL_MOVES",
    "RELATION_MOVES",
    "SHIPMENT_MOVES",
    "STANDING",
    "Assay",
    "Battery",
    "BatteryModel",
    "BatteryStatus",
    "Chemistry",
    "ClaimedOrganization",
    "CollectionPoint",
    "Composition",
    "CompositionElement",
    "Condition",
    "Confidence",
    "Consent",
    "Contest",
    "ContestStatus",
    "CustodyEvent",
    "CustodyKind",
    "Element",
    "Facility",
    "FindingStatus",
    "Ground",
    "Handover",
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
    "Means",
    "Package",
    "Permit",
    "Pickup",
    "PickupBattery",
    "PickupCode",
    "PickupFinding",
    "PickupStatus",
    "Proposal",
    "ProposalStatus",
    "Receipt",
    "Relation",
    "RelationStatus",
    "Shipment",
    "ShipmentLine",
    "ShipmentStatus",
    "TransportDocument",
]
