"""Backup and restore, tried: a backup of the database that Relode is set to, restored into a server of its own that is
thrown away. Exit code 0 only if all of it is there and right.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from development import embedded
from development.servers import PROJECT


def main() -> int:
    """Back up, restore, and say how it went."""
    home = Path(tempfile.mkdtemp(prefix="relode-drill-"))
    process, url = embedded.start_postgres(home, throwaway=True)
    try:
        file = home / "relode.dump"
        for command, environment in ((("backup", str(file)), {}), (("restore", str(file)), {"DATABASE_URL": url})):
            done = subprocess.run(
                [sys.executable, "manage.py", *command], cwd=PROJECT, env={**os.environ, **environment}, check=False
            )
            if done.returncode:
                return done.returncode
    finally:
        embedded.stop_postgres(process)
        embedded.remove_data(home)
        for left in home.glob("*"):
            if left.is_file():
                left.unlink()
    print("The drill went well: what was backed up can be restored.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
