"""How Relode is put together and run: settings, URLs, Celery, and the servers used in development."""
