from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.actors import Actor
from accounts.models import Organization, User
from collection.management.importing import add_options, perform
from collection.models import ImportRun


class Command(BaseCommand):
    """Imports a file, as the admin and the API do, but of any size and without a worker."""

    help = "Import a CSV file (plain, gzip or xz) of collection points, batteries, market placements or weighings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=[str(kind) for kind in ImportRun.Kind.values])
        parser.add_argument("file", type=Path)
        parser.add_argument("--as", dest="email", required=True, metavar="EMAIL", help="the user who imports")
        parser.add_argument("--organization", required=True, metavar="NAME", help="in whose name")
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            raise CommandError(f"There is no user {options['email']}.")
        organization = Organization.objects.filter(name=options["organization"]).first()
        if organization is None:
            raise CommandError(f"There is no organization “{options['organization']}”.")
        perform(
            self, actor=Actor.of(user), organization=organization, kind=options["kind"], path=options["file"],
            skip_bad_rows=options["skip_bad_rows"], errors=options["errors"],
        )  # fmt: skip
