"""Whatever both sides say, and take back, a truck takes batteries if and only if both agree to it as it does."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from accounts.errors import DomainError
from accounts.models import Organization, Role
from collection.models import Battery, CustodyEvent, Handover, PickupFinding, Relation
from collection.services import pickups, relations
from collection.services.findings import Scan
from tests.world import ago, batteries_at, build, scheduled_pickup, serial


class Agreement(RuleBasedStateMachine):
    """A pickup that a collector asked for by a relation, driven by a carrier; the oracle knows who agreed last, and how."""

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        w = self.world = build()
        Relation.objects.filter(kind="collect").update(unannounced=False)
        (self.pack,) = batteries_at(w, w.yard)
        self.pickup = scheduled_pickup(w, actor=w.actor(w.collector), batteries=[self.pack.pk])
        self.giver, self.carrier, self.code = "relation", "relation", ""
        self.found: dict[Any, str] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    def standing(self, kind: str, giver: Organization, taker: Organization) -> Relation | None:
        return Relation.objects.filter(kind=kind, giver=giver, taker=taker, status="accepted").first()

    @rule(whose=st.sampled_from(["giver", "carrier"]), by_taker=st.booleans())
    def end(self, whose: str, by_taker: bool) -> None:
        w = self.world
        sides = ("collect", w.yard_owner, w.collector) if whose == "giver" else ("carry", w.collector, w.carrier)
        relation = self.standing(*sides)
        if relation is not None:
            actor = w.actor(sides[2] if by_taker else sides[1], Role.MANAGER)
            relations.end(actor=actor, relation=relation, reason="x")
            if getattr(self, whose) == "relation":
                setattr(self, whose, "")

    @rule()
    def agree_anew(self) -> None:
        """A new relation is for new pickups: what lapsed waits for a word."""
        w = self.world
        if self.standing("collect", w.yard_owner, w.collector) is None:
            offered = relations.offer(
                actor=w.actor(w.collector, Role.MANAGER), kind="collect", giver=w.yard_owner, taker=w.collector
            )
            relations.accept(actor=w.actor(w.yard_owner, Role.MANAGER), relation=offered)

    @rule()
    def confirm(self) -> None:
        pickups.confirm(actor=self.world.actor(self.world.yard_owner), pickup=self.pickup)
        self.giver = "person"

    @rule()
    def accept(self) -> None:
        pickups.accept(actor=self.world.actor(self.world.carrier), pickup=self.pickup)
        self.carrier = "person"

    @rule()
    def show_code(self) -> None:
        shown: Any = pickups.show_code(actor=self.world.actor(self.world.yard_owner), pickup=self.pickup)
        self.code = shown.plain_code

    @rule(is_right=st.booleans())
    def enter_code(self, is_right: bool) -> None:
        code = self.code if is_right else "x"
        done: Any = pickups.enter_code(actor=self.world.actor(self.world.collector), pickup=self.pickup, code=code)
        assert (done.refusal is None) is bool(is_right and self.code)
        if done.refusal is None:
            self.giver, self.code = "code", ""
            self.found = {name: "confirmed" if s == "waiting" else s for name, s in self.found.items()}

    @rule()
    def find(self) -> None:
        name = serial()
        pickups.find(
            actor=self.world.actor(self.world.collector), pickup=self.pickup, batteries=[Scan(identifier=name)]
        )
        self.found[name] = "waiting"

    @rule(keeps=st.booleans())
    def answer(self, keeps: bool) -> None:
        waiting = [name for name, status in self.found.items() if status == "waiting"][:1]
        about: dict[str, Any] = {"actor": self.world.actor(self.world.yard_owner), "pickup": self.pickup}
        if waiting:
            ids = [PickupFinding.objects.get(value=waiting[0].value).pk]
            if keeps:
                pickups.refuse_findings(**about, findings=ids, reason="x")
            else:
                pickups.confirm_findings(**about, findings=ids)
                self.giver = self.giver or "person"
            self.found[waiting[0]] = "refused" if keeps else "confirmed"

    @rule(how_many=st.integers(0, 3))
    def collect(self, how_many: int) -> None:
        """By the collector's driver, who speaks for neither side; what is done is taken back, to go on."""
        names = list(self.found)[:how_many]
        legal = bool(self.giver and self.carrier and all(self.found[name] == "confirmed" for name in names))
        scans = [Scan(battery=self.pack.pk), *(Scan(identifier=name) for name in names)]
        try:
            with transaction.atomic():
                pickups.collect(
                    actor=self.world.actor(self.world.collector), pickup=self.pickup, collected_at=ago(days=7),
                    batteries=scans,
                )  # fmt: skip
                handover = Handover.objects.get()
                assert (handover.giver_means, handover.taker_means) == (self.giver, self.carrier)
                assert CustodyEvent.objects.filter(handover=handover).count() == 1 + len(names)
                transaction.set_rollback(True)
            came = "done"
        except DomainError as error:
            came = error.code
        assert came == ("done" if legal else "unconfirmed")

    @invariant()
    def who_has_not_agreed_reads_nothing(self) -> None:
        w = self.world
        for organization, reads in (
            (w.yard_owner, True), (w.collector, self.giver), (w.recycler, self.giver),
            (w.carrier, self.giver and self.carrier), (w.stranger, False),
        ):  # fmt: skip
            seen = Battery.objects.visible_to(w.user(organization)).filter(pk=self.pack.pk).exists()
            assert seen is bool(reads), organization.name


@pytest.mark.django_db
def test_a_truck_takes_batteries_if_and_only_if_both_sides_agree() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Agreement,
        settings=settings(
            max_examples=20,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
