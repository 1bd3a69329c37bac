from collection.admin import batteries, custody, facilities, imports, lots, pickups, reference, shipments

__all__ = ["batteries", "custody", "facilities", "imports", "lots", "pickups", "reference", "shipments"]
