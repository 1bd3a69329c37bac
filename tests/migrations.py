"""Migrations of data, to be tried on rows as they were before."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def migration_named(name: str, app: str = "collection") -> ModuleType:
    """The migration of an app with this name, whatever its number."""
    migrations = importlib.import_module(f"{app}.migrations")
    (found,) = (module.name for module in pkgutil.iter_modules(migrations.__path__) if module.name.endswith(name))
    return importlib.import_module(f"{migrations.__name__}.{found}")
