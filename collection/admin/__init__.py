from collection.admin import batteries, custody, facilities, imports, lots, pickups, proposals, reference, shipments

__all__ = ["batteries", "custody", "facilities", "imports", "lots", "pickups", "proposals", "reference", "shipments"]
