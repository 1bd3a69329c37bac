"""The report: a line a measurement with its aim, its ratio to a yardstick of the same run, and its growth.

Results of each scale are kept in .local/bench; the next larger scale shows how much each figure has grown since.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import clock
from benchmarks.clock import Took

KEPT = Path(".local/bench")

#: What is measured, most telling first; a row shows the first that it has.
FIGURES = ("wall", "rate", "bytes")

TITLES = f"{'':<44} {'time':>9} {'CPU':>9} {'ratio':>8} {'growth':>8} {'of CPU':>8}  aim"


@dataclass
class Row:
    """Figures of one measurement, and the aims for them: at most that much, of a rate at least."""

    figures: dict[str, float]
    aims: dict[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def main(self) -> float:
        return next(self.figures[name] for name in FIGURES if name in self.figures)


class Results:
    """Rows as they come in: printed, kept, and compared with those of the scale before."""

    def __init__(self, scale: float, repeat: int, world: str) -> None:
        self.scale, self.repeat, self.world = scale, repeat, world
        self.build_seconds: float | None = None
        self.room = ""
        self.rows: dict[str, Row] = {}
        self.before = self._smaller()

    def head(self) -> None:
        print(f"scale {self.scale:g}: {self.world}")
        if self.build_seconds is not None:
            print(f"built in {self.build_seconds:.0f} s")
        if before := self.before:
            print(
                f"growth: since scale {before['scale']:g}, measured at {before['taken_at'][:16]} ({before['commit']})"
            )
        print(f"pace of the machine: a million squares in {clock.pace() * 1000:.0f} ms")
        print(
            f"medians of {self.repeat}; CPU: of this process and the database; ratio: to the row with 1.00 x\n{TITLES}"
        )

    def enter(self, room: str, title: str) -> None:
        self.room = room
        print(f"\n{title}", flush=True)

    def measure(
        self, name: str, act: Callable[[], Any], *, yardstick: Took | None = None, note: str = "", **aims: float
    ) -> Took:
        """Do it as often as is asked for, and add the row."""
        took = clock.several(act, self.repeat)
        self.took(name, took, yardstick=yardstick, note=note, **aims)
        return took

    def took(self, name: str, took: Took, *, yardstick: Took | None = None, note: str = "", **aims: float) -> None:
        """A row of times; `aims` are of `wall`, `cpu`, `ratio`, `cpu_ratio` or `growth`."""
        figures = {"wall": took.wall}
        if took.cpu is not None:
            figures["cpu"] = took.cpu
        if yardstick is not None:
            figures["ratio"] = took.wall / yardstick.wall
            if took.cpu and yardstick.cpu and took is not yardstick:
                figures["cpu_ratio"] = took.cpu / yardstick.cpu
                note = f"CPU {figures['cpu_ratio']:.2f} x  {note}"
        statements = f"{took.statements} statements" if took.statements is not None else ""
        self.add(name, Row(figures, aims, "  ".join(part for part in (note.strip(), took.note, statements) if part)))

    def add(self, name: str, row: Row) -> None:
        old = self.before.get("rows", {}).get(f"{self.room}: {name}")
        if old is not None:
            row.figures["growth"] = row.main / Row(**old).main
            if "cpu" in row.figures and "cpu" in old["figures"]:
                row.figures["cpu_growth"] = row.figures["cpu"] / old["figures"]["cpu"]
            if round(self.scale / self.before["scale"]) != 10:
                row.aims.pop("growth", None)  # it is meant for ten times as much
        self.rows[f"{self.room}: {name}"] = row
        print(_line(name, row), flush=True)
        if not sys.stdout.isatty():
            sys.stderr.write(f"\r{self.room}: {name:<60}")

    def keep(self) -> None:
        """Write the rows down; those of rooms that were not measured this time stay."""
        KEPT.mkdir(parents=True, exist_ok=True)
        file = KEPT / f"scale-{self.scale:g}.json"
        kept = json.loads(file.read_text()) if file.exists() else {"rows": {}, "build_seconds": None}
        kept |= {"scale": self.scale, "world": self.world, "commit": _commit(), "repeat": self.repeat}
        kept["taken_at"] = datetime.now(UTC).isoformat()
        kept["build_seconds"] = self.build_seconds or kept["build_seconds"]
        kept["rows"] |= {name: asdict(row) for name, row in self.rows.items()}
        file.write_text(json.dumps(kept, indent=1))

    def _smaller(self) -> dict[str, Any]:
        kept = [json.loads(file.read_text()) for file in KEPT.glob("scale-*.json")]
        return max((one for one in kept if one["scale"] < self.scale), key=lambda one: one["scale"], default={})


def _line(name: str, row: Row) -> str:
    figures = row.figures
    main = next(kind for kind in FIGURES if kind in figures)
    columns = [
        _shown(kind, figures[kind]) if kind in figures else ""
        for kind in (main, "cpu", "ratio", "growth", "cpu_growth")
    ]
    aims = ", ".join(_aim(kind, limit, figures) for kind, limit in row.aims.items())
    note = f"  ({row.note})" if row.note else ""
    return "  {:<42} {:>9} {:>9} {:>8} {:>8} {:>8}  {}{}".format(name, *columns, aims, note).rstrip()


def _aim(kind: str, limit: float, figures: dict[str, float]) -> str:
    name = {"cpu": "CPU ", "cpu_ratio": "CPU ", "growth": "growth "}.get(kind, "")
    if kind not in figures:
        return f"{name}{_shown(kind, limit)}"
    met = figures[kind] >= limit if kind == "rate" else figures[kind] <= limit
    return f"{name}{_shown(kind, limit)} {'met' if met else 'MISSED'}"


def _shown(kind: str, value: float) -> str:
    if kind in ("wall", "cpu"):
        return f"{value * 1000:.{1 if value < 0.01 else 0}f} ms" if value < 10 else f"{value:.1f} s"
    if kind == "rate":
        return f"{value:.0f} /s" if value >= 10 else f"{value:.1f} /s"
    if kind == "bytes":
        return f"{value / 1e6:.1f} MB"
    return f"{value:.2f} x"


def _commit() -> str:
    asked = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return asked.stdout.strip()
