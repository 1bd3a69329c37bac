"""A command that is sent twice with one key acts once; a key is one user's, for one request, and free if that failed."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import Command, Invitation, Membership, Role
from collection.models import ImportRun
from collection.tasks import imports as tasks
from tests.world import World

INVITATIONS = "/api/v1/invitations/"


@pytest.fixture
def api(world: World) -> APIClient:
    client = APIClient()
    client.force_authenticate(world.user(world.recycler, Role.MANAGER))
    return client


def body(world: World, **other: Any) -> dict[str, Any]:
    return {"organization": world.recycler.pk, "email": "new@person.example", "role": "operator", **other}


def sent(api: APIClient, content: dict[str, Any], key: str = "k", address: str = INVITATIONS, **options: Any) -> Any:
    return api.post(address, content, headers={"Idempotency-Key": key}, **options)


def code(answer: Any) -> str:
    (fault,) = answer.json()["errors"]
    return str(fault["code"])


def test_the_second_time_it_is_answered_and_not_done(world: World, api: APIClient) -> None:
    first, again = sent(api, body(world)), sent(api, body(world))
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert "Idempotency-Replayed" not in first.headers and again.headers["Idempotency-Replayed"] == "true"
    assert Invitation.objects.filter(email="new@person.example").count() == 1


def test_without_a_key_it_is_done_again(world: World, api: APIClient) -> None:
    assert [api.post(INVITATIONS, body(world)).status_code for _time in range(2)] == [201, 409]
    assert not Command.objects.exists()


@pytest.mark.parametrize("change", ["body", "address", "method"])
def test_a_key_is_for_one_request(world: World, api: APIClient, change: str) -> None:
    made = sent(api, body(world)).json()["id"]
    if change == "body":
        other = sent(api, body(world, role="viewer"))
    elif change == "address":
        other = sent(api, body(world), address=f"{INVITATIONS}{made}/withdraw/")
    else:
        member = Membership.objects.get(organization=world.recycler, role=Role.VIEWER)
        other = api.delete(f"/api/v1/memberships/{member.pk}/", headers={"Idempotency-Key": "k"})
        assert Membership.objects.filter(pk=member.pk).exists()
    assert (other.status_code, code(other)) == (409, "key_reused")
    assert Invitation.objects.get(pk=made).role == "operator"


def test_a_key_is_its_users_own(world: World, api: APIClient) -> None:
    assert sent(api, body(world)).status_code == 201
    other = APIClient()
    other.force_authenticate(world.user(world.carrier, Role.MANAGER))
    answer = sent(other, body(world, organization=world.carrier.pk))
    assert answer.status_code == 201 and "Idempotency-Replayed" not in answer.headers
    assert Command.objects.filter(key="k").count() == 2


def test_a_command_that_failed_leaves_its_key_free(world: World, api: APIClient) -> None:
    assert sent(api, body(world, email=world.user(world.recycler).email)).status_code == 409
    assert not Command.objects.exists()
    assert sent(api, body(world)).status_code == 201


@pytest.mark.parametrize(("key", "status"), [("", 400), ("x" * 201, 400), ("x" * 200, 201), ("x", 201)])
def test_how_long_a_key_is(world: World, api: APIClient, key: str, status: int) -> None:
    answer = sent(api, body(world), key)
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
        assert not Invitation.objects.filter(email="new@person.example").exists()


def test_another_file_of_the_same_name_is_another_request(
    world: World, api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.run_import, "delay", lambda run: None)

    def upload(content: bytes) -> Any:
        upload = {"organization": world.yard_owner.pk, "kind": "batteries"}
        return sent(
            yard, {**upload, "file": SimpleUploadedFile("list.csv", content)}, "f", "/api/v1/imports/",
            format="multipart",
        )  # fmt: skip

    yard = APIClient()
    yard.force_authenticate(world.user(world.yard_owner))
    first = upload(b"identifiers\nvin:A\n")
    assert first.status_code == 201, first.content
    assert upload(b"identifiers\nvin:A\n").json() == first.json()
    assert code(upload(b"identifiers\nvin:B\n")) == "key_reused"
    assert (
        bytes(ImportRun.objects.get().parts.get().content) == b"identifiers\nvin:A\n"
    )  # read for the key, and then again


def test_the_answer_is_given_again_only_to_who_may_still_see_it(world: World, api: APIClient) -> None:
    assert sent(api, body(world)).status_code == 201
    member = Membership.objects.get(organization=world.recycler, role=Role.MANAGER)
    member.delete()
    again = sent(api, body(world))
    assert again.status_code in (403, 404) and "new@person.example" not in again.content.decode()
    assert Invitation.objects.count() == 1
    Membership.objects.create(user=member.user, organization=world.recycler, role=Role.VIEWER)
    assert sent(api, body(world)).headers["Idempotency-Replayed"] == "true"
