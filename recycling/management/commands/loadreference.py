from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.errors import DomainError
from accounts.services.platform import platform_actor
from collection.services import reference
from recycling.services import reference_plants, schemes, vehicle_sales


class Command(BaseCommand):
    """Loads the reference data that come with the program. Loading again changes only what changed in the files."""

    help = "Load jurisdictions, chemistries, compositions, materials, battery models, plants and EPR schemes."

    def handle(self, *args: Any, **options: Any) -> None:
        actor = platform_actor()
        try:
            with transaction.atomic():
                tallies = reference.load(actor)
                tallies |= reference_plants.load_reference(actor)
                tallies |= schemes.load_reference(actor)
                tallies |= vehicle_sales.load_reference(actor)
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        self.stdout.write(f"{'':<18}{'created':>9}{'changed':>9}{'unchanged':>11}")
        for name, tally in tallies.items():
            self.stdout.write(f"{name:<18}{tally.created:>9,}{tally.changed:>9,}{tally.unchanged:>11,}")
