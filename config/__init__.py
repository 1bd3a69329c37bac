"""How Relode is put together and run: settings, URLs, Celery and health."""
