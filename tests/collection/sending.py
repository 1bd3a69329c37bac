"""Files to import, and what must stay as it was when one is refused."""

from __future__ import annotations

import io

from collection.imports import runs
from collection.models import (
    ImportPart,
    ImportRowError,
    ImportRun,
    ImportStatus,
)
from collection.services import imports
from tests.refusals import state
from tests.world import World

HEADER = "scheme,value,issuer,model,mass,mass_unit,placed_in,placed_on,condition,facility,given_up_at"
POINTS = "name,kind,jurisdiction,latitude,longitude,key\n"

#: What an import leaves even if it is refused.
RUNS = (ImportRun, ImportPart, ImportRowError)


def battery_file(*rows: str, header: str = HEADER) -> bytes:
    return ("\n".join([header, *rows]) + "\n").encode()


def plain(*serials: str) -> bytes:
    return battery_file(*(f"oem_serial,{serial},test,,,,,,,," for serial in serials))


def request(world: World, content: bytes, kind: str = "batteries", organization=None, **more) -> ImportRun:
    organization = organization or world.yard_owner
    return imports.request(
        actor=world.actor(organization),
        organization=organization,
        kind=kind,
        filename="list.csv",
        content=io.BytesIO(content),
        **more,
    )


def do(world: World, content: bytes, kind: str = "batteries", **more) -> ImportRun:
    """Import `content` the way a worker does."""
    run = request(world, content, kind, **more)
    runs.execute(run.pk)
    run.refresh_from_db()
    return run


def file_refused(
    world: World, content: bytes, line: int | None = None, field: str | None = None, **more
) -> ImportRowError:
    """`content` is refused, naming line and field, and changes nothing."""
    before = state(but=RUNS)
    run = do(world, content, **more)
    assert run.status == ImportStatus.REFUSED, run.message
    assert state(but=RUNS) == before
    assert (run.rows_created, run.rows_unchanged) == (0, 0)
    fault = run.errors.order_by("line", "pk").first()
    if line is not None:
        assert (fault.line, fault.field) == (line, field), fault.message
    return fault
