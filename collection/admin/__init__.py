from collection.admin import imports, pickups

__all__ = ["imports", "pickups"]
