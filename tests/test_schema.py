"""The OpenAPI document: valid, without a warning, and readable without the internet."""

from __future__ import annotations

import io
import re

from django.core.management import call_command
from django.test import Client


def test_the_schema_is_valid_and_nothing_in_it_was_guessed() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_the_documentation_needs_nobody_elses_server(client: Client, db: None) -> None:
    page = client.get("/api/docs/").content.decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources and all(source.startswith("/") for source in sources)
    schema = client.get("/api/schema/", headers={"accept": "application/json"}).json()
    assert schema["openapi"].startswith("3.") and "/api/v1/shipments/{id}/receive/" in schema["paths"]
