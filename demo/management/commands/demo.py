from __future__ import annotations

import json
import logging
from argparse import ArgumentParser
from io import StringIO
from pathlib import Path
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from demo import cleanup, figures, filings, world
from demo.history import History
from demo.packs import Shelf
from demo.recycling import Works
from demo.today import Today
from development import supervisor
from recycling.services import factors, tallies

#: Where anybody could log in with a password that is printed here, the example has no place.
ALLOWED_SETTINGS = ("config.settings.development", "config.settings.test")


class Command(BaseCommand):
    """Makes the example world, has real workers compute its figures, and serves it."""

    help = (
        "Seed a simulated scenario over three countries, run the Celery jobs for real, print figures and log-ins, and "
        "serve it. A second run goes on where the first ended."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--packs", type=int, default=1500, help="how many packs come back (default 1500)")
        parser.add_argument("--seed", type=int, default=20230, help="another one makes another world")
        parser.add_argument("--fresh", action="store_true", help="delete an earlier example world first")
        parser.add_argument("--no-serve", action="store_true", help="end when the figures are printed")
        parser.add_argument("--port", type=int, default=8000, help="where to serve (default 8000)")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.SETTINGS_MODULE not in ALLOWED_SETTINGS:
            raise CommandError("The example world has known passwords: it is for development settings only.")
        if not 60 <= options["packs"] <= 20_000:
            raise CommandError("--packs must be from 60 to 20000.")
        logging.getLogger("django_structlog").setLevel(logging.WARNING)
        serve, port = not options["no_serve"], options["port"]
        try:
            if serve:
                supervisor.check_port(port)
            call_command("migrate", verbosity=0)
            if options["fresh"]:
                self._clean()
            self._seed(options["seed"], options["packs"])
            there = world.find(seed=options["seed"])
            self._report(there)
            found = figures.collect(there, seed=options["seed"], packs=options["packs"])
            if options["json"]:
                options["json"].write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
            for line in figures.tables(found):
                self.stdout.write(line)
            self._introduce(port)
            if serve:
                supervisor.serve(port)
        except (supervisor.Failure, filings.TooSlow, cleanup.RealData) as problem:
            raise CommandError(str(problem)) from problem

    def _clean(self) -> None:
        if cleanup.erase():
            self._say("deleted the earlier example world")

    def _seed(self, seed: int, packs: int) -> None:
        """All of it in one transaction: whoever interrupts it has nothing half made."""
        if world.is_there():
            self._say("the example world is already there (--fresh makes it anew)")
            return
        started = monotonic()
        settings.DEBUG = False  # else Django keeps every statement for a debugger
        self._say("loading the reference data")
        call_command("loadreference", stdout=StringIO())
        with transaction.atomic():
            there = world.build(seed=seed, packs=packs)
            shelf = Shelf.of(there)
            history = History(there, shelf)
            works = Works(there, history)
            self._say(f"{packs} packs come back: {there.start} until today")
            history.run(packs)
            self._say("plants at work")
            works.run()
            self._say("today's work, market placements")
            Today(there, history, works).run()
            filings.declare(there, shelf)
        factors.refresh()
        tallies.refresh()
        self._say(f"made in {monotonic() - started:.0f} s")

    def _report(self, there: world.World) -> None:
        """Utilization, forecasts and reports by a real worker, then what people do with the reports."""
        started = monotonic()
        runs, asked = filings.ask(there)
        log = settings.BASE_DIR / ".local" / "demo-worker.log"
        log.parent.mkdir(exist_ok=True)
        self._say(f"starting a worker, which logs to {log.relative_to(settings.BASE_DIR)}")
        with log.open("wb") as output, supervisor.running(worker=True, environment=self._environment(), output=output):
            filings.wait(runs, asked, self._say)
            filings.wait((), filings.submit(there), self._say)
            corrections = filings.decide(there)
            filings.wait((), corrections, self._say)
            filings.wait((), filings.submit_corrections(there, corrections), self._say)
        self._say(f"computed and filed in {monotonic() - started:.0f} s")

    def _introduce(self, port: int) -> None:
        self.stdout.write("\nLog-ins, for demonstration only:\n\n")
        for key, role in world.LOG_INS.items():
            name = world.ORGANIZATIONS[key][0]
            self.stdout.write(f"  {role:<20}{key + '@' + world.DOMAIN:<28}{world.PASSWORD:<14}{name}")
        self.stdout.write("\nEverything in it is simulated: organizations, batteries, figures.")

    def _environment(self) -> dict[str, str]:
        """What a worker needs to work on the very database and broker that this process uses."""
        database = connection.settings_dict
        address = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
        return {
            "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE,
            "DATABASE_URL": f"postgres://{address}/{database['NAME']}",
            "REDIS_URL": settings.REDIS_URL,
        }

    def _say(self, text: str) -> None:
        self.stdout.write(f"demo: {text}")
        self.stdout.flush()
