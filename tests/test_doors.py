"""Every API route and every admin page, for nobody, a stranger, too small a role, and those whom it is for.

What may be opened by whom stands in `tests/doors.py`; a route or an admin page that stands there not fails here.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import EndpointEnumerator
from rest_framework.test import APIClient

from accounts.models import Role, User
from tests.admin_doors import ADMIN, AdminDoor, Page
from tests.doors import API, OPEN, OPEN_POSTS, Door
from tests.refusals import state
from tests.world import World

PREFIX = "/api/v1/"


def api_routes() -> set[tuple[str, str]]:
    return {(method, path) for path, _regex, method, _view in EndpointEnumerator().get_api_endpoints()}


def addresses(resolver: URLResolver, before: str = "") -> list[str]:
    """Every address that is neither the admin's nor a numbered record's."""
    found = []
    for entry in resolver.url_patterns:
        path = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            found.append(path)
        elif not path.startswith("admin/"):
            found += addresses(entry, path)
    return found


def test_every_route_of_the_api_is_classified() -> None:
    named = {(method, PREFIX + path) for method, path in API} | {("GET", f"/{path}") for path in OPEN}
    named |= {("POST", PREFIX + path) for path in OPEN_POSTS}
    routes = api_routes()
    assert routes - named == set(), "classify these routes in tests/doors.py"
    assert {(m, p) for m, p in named if p.startswith(PREFIX) and p[1:] not in OPEN} - routes == set(), "gone"


def test_every_other_address_is_classified(client: Client, db: None) -> None:
    plain = {path for path in addresses(get_resolver()) if not path.startswith(PREFIX[1:])}
    assert plain == {path for path in OPEN if not path.startswith(PREFIX[1:])}
    for path, status in OPEN.items():
        assert client.get(f"/{path}").status_code == status, path


@pytest.mark.parametrize("who", ["nobody", "somebody"])
def test_no_other_address_fails_whatever_it_is_asked(world: World, who: str) -> None:
    """The list of one's passkeys did, and what may be asked of the documentation."""
    browser = Client(raise_request_exception=False)
    for path in OPEN:
        address = "/" + path.replace("<int:pk>", "1").replace("<str:", "").replace(">", "")
        for method in ("get", "head", "options", "post", "put", "patch", "delete"):
            if who == "somebody":
                browser.force_login(world.user(world.recycler))
            status = getattr(browser, method)(address).status_code
            assert status < 500 or path == "readyz", (method, path)


def call(user: User | None, method: str, path: str, door: Door, body: dict[str, Any]) -> Any:
    client = APIClient()
    client.raise_request_exception = True
    if user is not None:
        client.force_authenticate(user)
    if method == "GET":
        return client.get(path, body)
    for value in body.values():
        if hasattr(value, "seek"):
            value.seek(0)
    return getattr(client, method.lower())(path, body, format="multipart" if door.is_multipart else "json")


def smaller(role: Role | None) -> Role | None:
    if role is None:
        return Role.MANAGER
    return list(Role)[role.rank - 1] if role.rank else None


def shows(answer: Any, key: Any) -> bool:
    body = answer.json()
    rows = body["results"] if isinstance(body, dict) and "results" in body else body
    return any(key in (row.get("id"), row.get("code")) for row in rows)


@pytest.mark.parametrize(("method", "path"), API, ids=lambda part: part)
def test_a_door_of_the_api(world: World, method: str, path: str) -> None:
    door = API[method, path]
    record = door.record(world) if door.record else None
    is_of_record = "{" in path
    address = PREFIX + path
    if is_of_record:
        assert record is not None
        address = f"{PREFIX}{path.partition('{')[0]}{door.key(record)}{path.partition('}')[2]}"
    body = door.body(world, record)
    organization = getattr(world, door.of)
    right = person(world, door)
    before = state()

    assert call(None, method, address, door, body).status_code == 401
    if not door.is_own:
        stranger = call(world.user(getattr(world, door.stranger), Role.MANAGER), method, address, door, body)
        if method == "GET" and (door.is_public or door.is_table or not is_of_record):
            assert stranger.status_code == 200, stranger.content
            if not door.is_public and not door.is_table and record is not None:
                assert not shows(stranger, door.key(record))
        elif is_of_record:
            assert stranger.status_code == (403 if door.is_public else 404), stranger.content
        else:  # it may name what the stranger does not see
            assert stranger.status_code in (400, 403), stranger.content
        weaker = smaller(door.role)
        if weaker is not None:
            answer = call(world.user(organization, weaker), method, address, door, body)
            assert answer.status_code == 403, answer.content
    assert state() == before

    answer = call(right, method, address, door, body)
    assert answer.status_code == door.status, getattr(answer, "content", "")
    if method == "GET":
        if not is_of_record and record is not None and not door.is_table:
            assert shows(answer, door.key(record))
        assert state() == before


# The admin


def test_every_admin_page_is_classified() -> None:
    registered = {model._meta.label: page for model, page in admin.site._registry.items()}
    assert set(registered) == set(ADMIN), "classify these in tests/admin_doors.py"
    for label, page in registered.items():
        verbs = {b.verb.name for b in getattr(page, "buttons", ())}
        assert verbs == set(ADMIN[label].verbs), f"{label}: classify its verbs"
        assert (getattr(page, "create", None) is not None) == (ADMIN[label].create is not None), label
        usual = {"", "add/", *(f"<path:object_id>/{part}/" for part in ("history", "delete", "change"))}
        usual |= {"<path:object_id>/verb/<str:verb>/", "<path:object_id>/"}
        own = {str(entry.pattern) for entry in page.get_urls()}
        parts = ADMIN[label].parts + ADMIN[label].platform_parts
        known = {f"<path:object_id>/{part}" for part in parts} | set(ADMIN[label].beside)
        assert own - usual == known, f"{label}: classify its own"


def test_every_page_of_the_admin_site_is_classified() -> None:
    """Beside the models' pages the admin has these."""
    names = {entry.name for entry in admin.site.get_urls() if isinstance(entry, URLPattern) and entry.name}
    assert names == {
        "index", "login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n",
        "view_on_site", "app_list", "search",
    }  # fmt: skip
    for path in ("", "jsi18n/", "password_change/", "autocomplete/"):
        answer = Client().get(f"/admin/{path}")
        assert answer.status_code == 302 and "/login/" in answer["Location"], path


def visit(user: User | None, path: str) -> Any:
    browser = Client()
    if user is not None:
        browser.force_login(user)
    return browser.get(path)


def person(world: World, page: Page | Door) -> User:
    """Whom the page is for."""
    if page.role is None:
        return User.objects.filter(is_superuser=True).first() or User.objects.create_superuser(
            "platform@relode.example", None, name="Platform"
        )
    return world.user(getattr(world, page.of), page.role)


def base(label: str) -> str:
    app, _dot, model = label.partition(".")
    return f"/admin/{app.lower()}/{model.lower()}/"


@pytest.mark.parametrize("label", ADMIN)
def test_a_list_and_a_record_in_the_admin(world: World, label: str) -> None:
    door: AdminDoor = ADMIN[label]
    record = door.record(world)
    reader = world.user(getattr(world, door.of), Role.VIEWER)
    stranger = world.user(getattr(world, door.stranger), Role.MANAGER)
    root = base(label)
    at = f"{root}{quote(record.pk)}/"
    page = f"{at}change/"
    pages = [page, *(at + part for part in door.parts)]
    maker = person(world, door.create) if door.create else None
    platform = person(world, Page("recycler", None)) if door.platform_parts else None
    before = state()
    for path in (root, *pages, f"{root}add/", f"{at}delete/", f"{at}history/"):
        anonymous = visit(None, path)
        assert anonymous.status_code == 302 and "/login/" in anonymous["Location"], path
    for path in (root, *(root + name for name in door.beside)):
        assert visit(None, path).status_code == 302, path
        assert visit(reader, path).status_code == 200, path
        assert visit(stranger, path).status_code == 200, path
    for path in (at + part for part in door.platform_parts):
        assert visit(None, path).status_code == 302, path
        assert [visit(user, path).status_code for user in (reader, stranger)] == [403, 403], path
        assert visit(platform, path).status_code == 200, path
    for path in pages:
        assert visit(reader, path).status_code == 200, path
        assert visit(stranger, path).status_code == (200 if door.is_public else 404), path
    link = f"/{quote(record.pk)}/change/"
    assert link in visit(reader, root).content.decode()
    if not door.is_public:
        assert link not in visit(stranger, root).content.decode()
        assert visit(stranger, f"{at}history/").status_code in (302, 404)
    for user in (reader, stranger):
        browser = Client()
        browser.force_login(user)
        for path in (f"{at}delete/", page):
            assert browser.post(path, {"post": "yes"}).status_code in (302, 403, 404), path
    anybody = door.create is not None and door.create.role == Role.VIEWER
    assert visit(reader, f"{root}add/").status_code == (200 if anybody else 403)
    if maker is not None:
        assert visit(maker, f"{root}add/").status_code == 200
    assert state() == before


@pytest.mark.parametrize(("label", "verb"), [(label, verb) for label, door in ADMIN.items() for verb in door.verbs])
def test_a_verb_in_the_admin(world: World, label: str, verb: str) -> None:
    door, page = ADMIN[label], ADMIN[label].verbs[verb]
    record = page.record(world)
    right = person(world, page)
    address = f"{base(label)}{quote(record.pk)}/verb/{verb}/"
    before = state()
    assert visit(None, address).status_code == 302
    stranger = world.user(getattr(world, door.stranger), Role.MANAGER)
    assert visit(stranger, address).status_code == (403 if door.is_public else 404)
    weaker = smaller(page.role)
    if weaker is not None:
        assert visit(world.user(getattr(world, page.of), weaker), address).status_code == 403
    assert visit(right, address).status_code == 200
    assert state() == before
