"""A collection operator, a recycler and a regulator do their main task in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.utils import timezone

from accounts.models import Organization, Role, User
from accounts.services import invitations
from collection.models import Battery, Pickup, PickupStatus, ShipmentStatus
from collection.services import shipments
from development.servers import PROJECT
from recycling.models import Batch, BatchStatus, Discrepancy, EprReport, Inspection, Intake, ReportStatus
from tests.filings import submitted_report
from tests.world import World, ago, batteries_at, collected_pickup, requested_pickup

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((path for name in BROWSERS if (path := shutil.which(name))), None)
PICTURES = PROJECT / ".local" / "screenshots"

pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(BROWSERS)} is installed"),
    pytest.mark.django_db(transaction=True),
]

PASSWORD = "a-password-of-the-tests"
DESKTOP, PHONE = {"width": 1400, "height": 1000}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    # Playwright's event loop runs in this thread, which Django takes for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


class Visitor:
    """A person in front of a browser window; whatever goes wrong in the page is kept."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.complaints: list[str] = []
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", self._watch)
        page.on("response", self._check)

    def log_in(self, user: User) -> None:
        self.go("/admin/login/")
        self.page.fill("#id_login", user.email)
        self.page.fill("#id_password", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.address}/admin/")

    def go(self, path: str) -> None:
        self.page.goto(f"{self.address}{path}")

    def press(self, name: str) -> None:
        """A verb of a record, by the name on its button."""
        self.page.get_by_role("toolbar").get_by_role("link", name=name, exact=True).click()

    def fill(self, **values: Any) -> None:
        """The fields of a form by their names: instants as (date, time), references as records."""
        for name, value in values.items():
            field = self.page.locator(f"#id_{name}")
            if isinstance(value, datetime):
                self.page.fill(f"#id_{name}_0", value.strftime("%Y-%m-%d"))
                self.page.fill(f"#id_{name}_1", value.strftime("%H:%M:%S"))
            elif hasattr(value, "pk"):
                field.select_option(str(value.pk), force=True)
            elif field.evaluate("field => field.tagName") == "SELECT":
                field.select_option(str(value), force=True)
            else:
                field.fill(str(value))

    def submit(self) -> None:
        """Send the form and see that it was not shown again."""
        self.page.locator("#content-main form button[type=submit]").last.click()
        self.page.wait_for_load_state()
        errors = self.page.locator(".errorlist, [class*='text-red']").all_inner_texts()
        assert "/verb/" not in self.page.url and not self.page.url.endswith("/add/"), errors

    def text(self) -> str:
        found: str = self.page.inner_text("body")
        return found

    def picture(self, name: str) -> None:
        """Keep what is seen, for people to look at, and see that nothing is cut off at the side."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.wait_for_timeout(300)
        self.page.screenshot(path=str(PICTURES / f"{name}.png"), full_page=True)
        beyond = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond <= 0, f"{name} is {beyond} pixels wider than the window"

    def _listen(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def _watch(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.complaints.append(f"asks elsewhere: {request.url}")

    def _check(self, response: Any) -> None:
        if response.status >= 400 and response.status not in (400, 403, 409):
            self.complaints.append(f"{response.status}: {response.url}")


@pytest.fixture
def visit(chromium: Any, live_server: Any) -> Iterator[Callable[..., Visitor]]:
    """Open a window and log in as somebody; no page of theirs may have complained in the end."""
    windows: list[tuple[Any, Visitor]] = []

    def open_window(user: User | None = None, *, size: dict[str, int] = DESKTOP, scheme: str = "light") -> Visitor:
        context = chromium.new_context(viewport=size, color_scheme=scheme, locale="en-US")
        visitor = Visitor(context.new_page(), live_server.url)
        windows.append((context, visitor))
        if user is not None:
            user.set_password(PASSWORD)
            user.save()
            visitor.log_in(user)
        return visitor

    yield open_window
    complaints = [complaint for _, visitor in windows for complaint in visitor.complaints]
    for context, _ in windows:
        context.close()
    assert not complaints


def test_a_collection_operator_schedules_and_collects_a_pickup(visit: Callable[..., Visitor], world: World) -> None:
    packs = batteries_at(world, world.yard, 2)
    pickup = requested_pickup(
        world, batteries=[pack.pk for pack in packs], convenient_until=timezone.now() + timedelta(days=1)
    )
    operator = visit(world.user(world.collector))
    assert "Open requests 1" in re.sub(r"\s+", " ", operator.text())
    operator.page.locator("#requests").get_by_role("link", name="Reno Yard").click()
    operator.press("Schedule")
    operator.fill(
        carrier=world.carrier, vehicle="NV 123", destination=world.plant_site, window_start=_utc(ago(hours=2)),
        window_end=_utc(timezone.now() + timedelta(hours=1)),
    )  # fmt: skip
    operator.picture("schedule-desktop")
    operator.submit()
    pickup.refresh_from_db()
    assert pickup.status == PickupStatus.SCHEDULED

    operator.go("/admin/")
    operator.picture("start-collection-desktop")
    operator.page.locator("#today").get_by_role("link", name="Reno Yard").click()
    operator.press("Collect")
    operator.fill(
        collected_at=_utc(ago(minutes=5)),
        batteries=f"#{packs[0].pk}, 880.5, lb\n#{packs[1].pk}, 401, kg, damaged",
    )
    operator.submit()
    pickup = Pickup.objects.get(pk=pickup.pk)
    assert pickup.status == PickupStatus.COLLECTED
    assert pickup.shipment is not None and pickup.shipment.status == ShipmentStatus.IN_TRANSIT
    loaded = dict(pickup.shipment.lines.values_list("battery", "declared_kg"))
    assert loaded == {packs[0].pk: Decimal("880.5") * Decimal("0.45359237"), packs[1].pk: Decimal(401)}
    operator.go(f"/admin/collection/battery/{packs[0].pk}/change/")
    operator.picture("battery-desktop")
    operator.go("/admin/")
    assert "Reno Yard → Storey Plant" in operator.text()


def test_a_recycler_weighs_in_inspects_and_closes_a_batch(visit: Callable[..., Visitor], world: World) -> None:
    shipment = collected_pickup(world, 2).shipment
    shipments.arrive(actor=world.actor(world.carrier), shipment=shipment, arrived_at=ago(days=6))
    first, second = Battery.objects.order_by("pk")
    recycler = visit(world.user(world.recycler))
    assert "at the gate" in recycler.page.locator("#gate").inner_text()
    recycler.picture("start-plants-desktop")
    recycler.page.get_by_role("link", name="Weigh a load in").click()
    recycler.fill(
        plant=world.plant, shipment=shipment, ticket="T-1", weighed_at=_utc(ago(days=5)), gross_value="15770",
        tare_value="15000", batteries=f"#{first.pk}, 400\n#{second.pk}, 370",
    )  # fmt: skip
    recycler.picture("intake-desktop")
    recycler.submit()
    intake = Intake.objects.get()
    discrepancy = Discrepancy.objects.get()
    assert (discrepancy.battery_id, discrepancy.received_kg) == (second.pk, Decimal(370))
    assert intake.net_kg == Decimal(770)

    recycler.go("/admin/")
    assert "Mass of a battery" in recycler.page.locator("#discrepancies").inner_text()
    recycler.go("/admin/recycling/inspection/add/")
    recycler.fill(
        plant=world.plant, inspected_at=_utc(ago(days=4)),
        inspections=f"#{first.pk}, recycle, intact, 0.61\n#{second.pk}, recycle, damaged",
    )  # fmt: skip
    recycler.submit()
    assert Inspection.objects.count() == 2

    recycler.go("/admin/")
    recycler.page.get_by_role("link", name="Open a batch").click()
    recycler.fill(line=world.shredder, number="B-1", started_at=_utc(ago(days=3)))
    recycler.submit()
    batch = Batch.objects.get()
    recycler.go(f"/admin/recycling/batch/{batch.pk}/change/")
    recycler.press("Charge")
    recycler.fill(charged_at=_utc(ago(days=2)), batteries=f"#{first.pk}\n#{second.pk}")
    recycler.submit()
    recycler.press("Record an output")
    recycler.fill(
        number="BM-1", material="black_mass", mass_value="300", made_at=_utc(ago(days=1)),
        assays="Li, 0.03\nNi, 0.18\nCo, 0.06",
    )  # fmt: skip
    recycler.submit()
    recycler.picture("batch-desktop")
    recycler.press("Close")
    recycler.fill(closed_at=_utc(ago(hours=1)))
    recycler.submit()
    batch.refresh_from_db()
    assert batch.status == BatchStatus.CLOSED
    recycler.go("/admin/")
    assert "No batch is open." in recycler.text()


def test_a_regulator_drills_down_and_accepts_a_report(visit: Callable[..., Visitor], world: World) -> None:
    report = submitted_report(world)
    regulator = visit(world.user(world.regulator, Role.MANAGER))
    regulator.picture("start-oversight-desktop")
    regulator.page.locator("#duties").get_by_role("link", name=f"Report {report.pk}").click()
    regulator.picture("report-desktop")
    regulator.page.get_by_role("link", name="1 row", exact=True).first.click()
    regulator.page.wait_for_url("**/eprplacement/**")
    assert "NMC 60" in regulator.text()
    regulator.go(f"/admin/recycling/eprreport/{report.pk}/change/")
    regulator.press("Accept")
    regulator.fill(note="complete")
    regulator.submit()
    report = EprReport.objects.get(pk=report.pk)
    assert (report.status, report.decision_note) == (ReportStatus.ACCEPTED, "complete")
    regulator.go("/admin/")
    assert "accepted" in regulator.page.locator("#duties").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_start_pages_fit_where_there_is_nothing_to_do(
    visit: Callable[..., Visitor], world: World, size: dict[str, int], scheme: str
) -> None:
    visitor = visit(world.user(world.stranger), size=size, scheme=scheme)
    text = visitor.text()
    for hint in ("Nothing is scheduled for today.", "No truck is on its way.", "No batch is open.", "No report yet."):
        assert hint in text
    name = "desktop" if size is DESKTOP else "phone"
    visitor.picture(f"start-empty-{name}-{scheme}")


def test_the_admin_speaks_french(visit: Callable[..., Visitor], world: World) -> None:
    visitor = visit(world.user(world.collector))
    visitor.page.context.add_cookies([{"name": settings.LANGUAGE_COOKIE_NAME, "value": "fr", "url": visitor.address}])
    for path in ("/admin/", "/admin/collection/pickup/", "/admin/collection/pickup/add/"):
        visitor.go(path)
        assert visitor.page.locator("html").get_attribute("lang") == "fr"


def test_a_new_person_is_invited_and_comes_with_a_second_factor(visit: Callable[..., Visitor], world: World) -> None:
    Organization.objects.filter(pk=world.recycler.pk).update(requires_second_factor=True)
    invitation = invitations.invite(
        actor=world.actor(world.recycler, Role.MANAGER), organization=world.recycler, email="new@person.example"
    )
    person = visit(size=PHONE)
    person.go(f"/account/invitations/{invitation.link}/")
    person.picture("invitation-phone")
    person.fill(name="New Person", password=PASSWORD, again=PASSWORD)
    person.page.get_by_role("button", name="Accept").click()
    person.page.wait_for_url(f"{person.address}/admin/login/")
    person.picture("log-in-phone")
    person.page.fill("#id_login", "new@person.example")
    person.page.fill("#id_password", PASSWORD)
    person.page.keyboard.press("Enter")
    person.page.wait_for_url(f"{person.address}/account/second-factor/")
    person.picture("second-factor-phone")
    person.page.get_by_role("link", name="Activate").click()
    person.page.fill("input[name=password]", PASSWORD)
    person.picture("confirm-phone")
    person.page.get_by_role("button", name="Confirm").click()
    person.picture("authenticator-app-phone")
    secret = person.page.input_value("#authenticator_secret")
    person.page.fill("input[name=code]", format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
    person.page.get_by_role("button", name="Activate").click()
    person.page.wait_for_url("**/recovery-codes/**")
    person.picture("recovery-codes-phone")
    person.go("/admin/")
    assert "Plants" in person.text()


def test_a_passkey_is_all_that_is_needed_to_log_in(visit: Callable[..., Visitor], world: World) -> None:
    user = world.user(world.recycler)
    person = visit(user)
    person.address = person.address.replace("127.0.0.1", "localhost")  # a passkey is for a name
    person.log_in(user)
    devices = person.page.context.new_cdp_session(person.page)
    devices.send("WebAuthn.enable")
    key = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options = key | {"isUserVerified": True, "automaticPresenceSimulation": True}
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    person.go("/account/second-factor/webauthn/add/")
    person.page.fill("input[name=password]", PASSWORD)
    person.page.get_by_role("button", name="Confirm").click()
    person.page.check("input[name=passwordless]")
    person.picture("add-passkey-desktop")
    person.page.locator("#mfa_webauthn_add").click()
    person.page.wait_for_url("**/second-factor/**recovery-codes/**")
    person.page.context.clear_cookies()
    person.go("/admin/login/")
    person.picture("log-in-desktop")
    person.page.get_by_role("button", name="Log in with a passkey").click()
    person.page.wait_for_url(f"{person.address}/admin/")
    assert "Plants" in person.text()


def _utc(instant: datetime) -> datetime:
    """As it is typed where the page says that times are UTC."""
    return instant.replace(microsecond=0)
