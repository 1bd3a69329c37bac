from collection.admin import batteries, custody, facilities, imports, pickups, reference, shipments

__all__ = ["batteries", "custody", "facilities", "imports", "pickups", "reference", "shipments"]
