#!/usr/bin/env python
"""Django's commands for Relode. In development they bring their own PostgreSQL and Valkey (see `development.servers`)."""

import os
import sys


def main() -> None:
    """Run the command given on the command line."""
    if os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development") == "config.settings.development":
        from development import embedded, servers

        try:
            servers.ensure()
        except embedded.ServerError as problem:
            sys.exit(f"{problem}")

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
