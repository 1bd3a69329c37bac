"""What a file of 45 MB costs the process that takes it, and the one that reads it back: `python -m benchmarks.uploads`, in a
shell of `make servers`. It leaves nothing behind.
"""

from __future__ import annotations

import os
import resource
import tempfile


def main() -> None:
    """Print the growth of the largest resident memory, in MB."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    os.environ["DEBUG"] = "off"  # else Django remembers every statement
    import django

    django.setup()
    from django.db import transaction

    from accounts.models import Organization
    from accounts.services.platform import platform_actor
    from collection.services import imports

    def largest() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    with tempfile.TemporaryFile() as file, transaction.atomic():
        for _number in range(45):
            file.write(os.urandom(1024**2))
        file.seek(0)
        organization = Organization.objects.create(name="Uploads", functions=["collector"])
        before = largest()
        run = imports.request(
            actor=platform_actor(), organization=organization, kind="batteries", filename="45.csv", content=file
        )
        taken = largest()
        imports.file_of(run).close()
        print(f"taking 45 MB: {taken - before:.0f} MB more at most; reading it back: {largest() - taken:.0f} MB more")
        transaction.set_rollback(True)


if __name__ == "__main__":
    main()
