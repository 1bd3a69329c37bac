"""Migrations of data, to be tried on rows as they were before."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from collection import migrations


def migration_named(name: str) -> ModuleType:
    """The migration of `collection` with this name, whatever its number."""
    (found,) = (module.name for module in pkgutil.iter_modules(migrations.__path__) if module.name.endswith(name))
    return importlib.import_module(f"{migrations.__name__}.{found}")
