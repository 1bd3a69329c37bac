from collection.admin import (
    batteries,
    custody,
    facilities,
    handovers,
    imports,
    lots,
    pickups,
    proposals,
    reference,
    relations,
    shipments,
)

__all__ = [
    "batteries",
    "custody",
    "facilities",
    "handovers",
    "imports",
    "lots",
    "pickups",
    "proposals",
    "reference",
    "relations",
    "shipments",
]
