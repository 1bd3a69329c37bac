from collection.admin import pickups

__all__ = ["pickups"]
