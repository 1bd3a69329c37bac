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


def test_every_operation_that_writes_says_what_it_refuses_and_nothing_of_our_own(client: Client, db: None) -> None:
    schema = client.get("/api/schema/", headers={"accept": "application/json"}).json()
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            needed = {"400", "406", "429", "503"} | ({"404"} if "{" in path else set())
            needed |= ({"401"} if operation.get("security") else set()) | (
                {"413", "415"} if method == "post" else set()
            )
            assert needed <= set(operation["responses"]), (method, path)
    writes = {(method, path): operation for path, methods in schema["paths"].items()
              for method, operation in methods.items() if method != "get"}  # fmt: skip
    assert len(writes) > 70
    for door, operation in writes.items():
        is_open = not operation.get("security") and "409" not in operation["responses"]
        assert ({"400", "429"} if is_open else {"400", "401", "403", "409"}) <= set(operation["responses"]), door
        said = str(operation)
        assert "DESIGN" not in said and "number of statements" not in said and "organization that is" not in said, door
    received = writes["post", "/api/v1/shipments/{id}/receive/"]
    assert "received or partly_rejected or rejected" in received["description"]
    assert "The status is not: arrived" in received["responses"]["409"]["description"]
    assert (
        "the role operator (or more) at the shipment’s destination’s operator"
        in received["responses"]["403"]["description"]
    )
