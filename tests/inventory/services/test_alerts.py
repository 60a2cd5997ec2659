"""What somebody should look at: one open alert per cause."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.enums import AlertKind, Severity
from inventory.models import Alert, Batch, BatchLocation, Product, Reservation, Stock, Warehouse
from inventory.orchestrator import OrderedLine, promise_order, reserve_for_order
from inventory.queries.alerts import AlertDraft
from inventory.services.alerts import acknowledge_alert, evaluate_alerts, evaluate_kind, open_alert, resolve_alert, settle_alerts
from inventory.services.expiry import expire_stock
from inventory.subscribers import follow_levels, follow_stock
from inventory.tasks import evaluate_alerts_task
from tests.factories.inventory import ACTOR, ProductFactory, Site, StorefrontProductFactory, stocked
from tests.factories.office import clerk
from tests.inventory.books import assert_books_balance
from tests.inventory.clocks import label_says
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.subscribers import REGISTERED

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk(db: None) -> Product:
    return ProductFactory(sku="MILK", lives={"chilled": 20}, default_low_stock_threshold=Decimal(3))


@pytest.fixture(autouse=True)
def limits(settings: LazySettings) -> LazySettings:
    settings.ALERT_EXPIRING_DAYS, settings.ALERT_EXPIRING_FRESHNESS, settings.ALERT_OVERDUE_MINUTES = [7, 3, 1], 0, 5
    return settings


def draft(subject: str, message: str = "look", severity: Severity = Severity.WARNING, **more: Any) -> AlertDraft:
    return AlertDraft(subject, severity, message, **more)


def left(lot: str, **time: float) -> None:
    """As if time had passed: so much is left to the goods of the lot."""
    label_says(BatchLocation.objects.filter(batch__lot_number=lot), timezone.now() + timedelta(**time))


def opened(kind: str | None = None) -> list[tuple[str, str]]:
    """Severity and message of the open alerts."""
    rows = Alert.objects.filter(resolved_at=None, **({"kind": kind} if kind else {}))
    return list(rows.order_by("kind", "subject").values_list("severity", "message"))


def evaluated(kind: AlertKind) -> list[tuple[str, str]]:
    evaluate_kind(kind, actor=ACTOR)
    return opened(kind.value)


class TestSettling:
    def test_new_ones_are_raised_known_ones_counted_gone_ones_resolved(self, db: None) -> None:
        assert settle_alerts("mine", [draft("a"), draft("b", "old")], actor=ACTOR) == 2
        assert settle_alerts("mine", [draft("b", "new", Severity.CRITICAL, data={"n": 1}), draft("c")], actor=ACTOR) == 1

        a, b, c = Alert.objects.order_by("subject")
        assert (a.resolved_at is not None, a.count) == (True, 1)
        assert (b.resolved_at, b.count, b.message, b.severity, b.data) == (None, 2, "new", "critical", {"n": 1})
        assert b.last_seen_at > b.first_seen_at
        assert (c.resolved_at, c.count) == (None, 1)

    def test_a_cause_that_comes_back_is_a_new_alert(self, db: None) -> None:
        for causes in ([draft("a")], [], [draft("a")]):
            settle_alerts("mine", causes, actor=ACTOR)
        assert [(alert.count, alert.resolved_at is None) for alert in Alert.objects.order_by("pk")] == [(1, False), (1, True)]

    def test_the_same_subject_twice_is_one_cause(self, db: None) -> None:
        assert settle_alerts("mine", [draft("a", "first"), draft("a", "second")], actor=ACTOR) == 1
        assert opened() == [("warning", "second")]

    def test_other_kinds_and_other_subjects_are_left_alone(self, db: None) -> None:
        settle_alerts("theirs", [draft("a")], actor=ACTOR)
        settle_alerts("mine", [draft("a"), draft("b")], actor=ACTOR)
        settle_alerts("mine", [], among=["a"], actor=ACTOR)
        assert list(Alert.objects.filter(resolved_at=None).values_list("kind", "subject").order_by("kind")) == [("mine", "b"), ("theirs", "a")]

    @pytest.mark.parametrize("many", [1, 200])
    def test_statements_do_not_grow(self, db: None, many: int) -> None:
        causes = [draft(f"s{n}") for n in range(many)]
        settle_alerts("mine", causes[: many // 2], actor=ACTOR)
        with CaptureQueriesContext(connection) as queries:
            settle_alerts("mine", causes, actor=ACTOR)
        assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) == 3
        assert Alert.objects.count() == many

    def test_one_subject_for_other_apps(self, db: None) -> None:
        first = open_alert("picking_stuck", "picking_task:7", message="stuck", actor=ACTOR)
        facts = {"weight": Decimal("2.500"), "since": timezone.now()}
        again = open_alert("picking_stuck", "picking_task:7", message="still stuck", severity=Severity.CRITICAL, data=facts, actor=ACTOR)
        assert again.data["weight"] == "2.500"
        assert (again.pk, again.count, again.message, again.severity) == (first.pk, 2, "still stuck", "critical")
        assert resolve_alert("picking_stuck", "picking_task:7", actor=ACTOR) is True
        assert resolve_alert("picking_stuck", "picking_task:7", actor=ACTOR) is False
        evaluate_alerts(actor=ACTOR)  # inventory's own job leaves the kinds of others alone
        assert open_alert("picking_stuck", "picking_task:7", message="again", actor=ACTOR).pk != first.pk


class TestLookingAfterIt:
    def test_it_is_said_once_who_does(self, db: None) -> None:
        alert = open_alert("mine", "a", message="look", actor=ACTOR)
        person = clerk(Role.RECEIVER)
        done = acknowledge_alert(alert.pk, actor=Actor.of_user(person))
        assert (done.acknowledged_by, done.resolved_at) == (person, None)
        with pytest.raises(Conflict, match=f"{person.username} looks after this since"):
            acknowledge_alert(alert.pk, actor=Actor.of_user(clerk(Role.AUDITOR)))
        settle_alerts("mine", [draft("a")], actor=ACTOR)
        alert.refresh_from_db()
        assert (alert.acknowledged_by, alert.count) == (person, 2)

    def test_what_is_gone_needs_nobody(self, db: None) -> None:
        alert = open_alert("mine", "a", message="look", actor=ACTOR)
        resolve_alert("mine", "a", actor=ACTOR)
        with pytest.raises(Conflict, match="nothing to look after"):
            acknowledge_alert(alert.pk, actor=ACTOR)
        with pytest.raises(NotFound):
            acknowledge_alert(10**9, actor=ACTOR)
        with pytest.raises(PermissionDenied):
            acknowledge_alert(alert.pk, actor=Actor("picker", ActorType.EMPLOYEE, frozenset({Role.PICKER})))


class TestExpiring:
    @pytest.fixture
    def lot(self, milk: Product, house: Site) -> BatchLocation:
        place = stocked(milk, house.cool, 4, lot="L1", expires_in_days=20)
        Batch.objects.update(purchase_price=Decimal("1.20"))
        return place

    def test_each_step_is_told_once(self, lot: BatchLocation, milk: Product) -> None:
        found = []
        for days in (7.1, 6.9, 6.5, 2.9, 0.9):
            left("L1", days=days)
            evaluate_alerts_task()
            found.append([(alert.severity, alert.data["step"], alert.count) for alert in Alert.objects.filter(resolved_at=None, kind="expiring")])
        assert found == [[], [("warning", "7d", 1)], [("warning", "7d", 2)], [("warning", "3d", 1)], [("critical", "1d", 1)]]
        assert Alert.objects.filter(kind="expiring").count() == 3

    def test_what_it_says(self, lot: BatchLocation, milk: Product, house: Site) -> None:
        BatchLocation.objects.update(effective_expires_at=timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=3))
        day = (timezone.now() + timedelta(days=2)).date()
        assert evaluated(AlertKind.EXPIRING) == [("warning", f"4 of MILK lot L1 in MAIN keeps until {day} (within 3 days).")]
        alert = Alert.objects.get()
        assert (alert.warehouse_id, alert.product_id, alert.data["value"], alert.data["currency"]) == (house.id, milk.pk, "4.8", "EUR")

    def test_the_days_that_must_be_left_at_shipping_count(self, lot: BatchLocation, milk: Product) -> None:
        left("L1", days=9)
        assert evaluated(AlertKind.EXPIRING) == []
        keeps, sold = ((timezone.now() + timedelta(days=days)).date() for days in (9, 4))
        Product.objects.update(min_remaining_days=5)
        assert evaluated(AlertKind.EXPIRING) == [
            ("warning", f"4 of MILK lot L1 in MAIN keeps until {keeps} and is sold until {sold} (within 7 days).")
        ]
        Product.objects.update(min_remaining_days=10)
        assert evaluated(AlertKind.EXPIRING) == [("critical", f"4 of MILK lot L1 in MAIN keeps until {keeps} and is too short dated to be sold.")]

    def test_what_never_keeps_so_long_does_not_expire_on_arrival(self, house: Site) -> None:
        salad = ProductFactory(lives={"chilled": 5})
        stocked(salad, house.cool, 4, lot="S", expires_in_days=4)
        assert evaluated(AlertKind.EXPIRING) == []
        left("S", days=2)
        assert [alert.data["step"] for alert in Alert.objects.all()] == [] == opened()
        evaluate_kind(AlertKind.EXPIRING, actor=ACTOR)
        assert Alert.objects.get().data["step"] == "3d"

    def test_by_the_share_of_life_left(self, lot: BatchLocation, limits: LazySettings) -> None:
        limits.ALERT_EXPIRING_DAYS, limits.ALERT_EXPIRING_FRESHNESS = [], 25
        left("L1", days=5.2)
        assert evaluated(AlertKind.EXPIRING) == []
        left("L1", days=4.9)
        ((severity, message),) = evaluated(AlertKind.EXPIRING)
        assert (severity, message[-25:]) in {("info", f" ({percent} % of its life left).") for percent in (23, 24)}
        limits.ALERT_EXPIRING_DAYS = [7]
        assert [severity for severity, _ in evaluated(AlertKind.EXPIRING)] == ["critical"]

    def test_a_lot_in_two_places_is_one_alert_per_site(self, lot: BatchLocation, milk: Product, house: Site) -> None:
        stocked(milk, house.quarantine, 2, lot="L1", expires_in_days=20)
        left("L1", days=2)
        ((_, message),) = evaluated(AlertKind.EXPIRING)
        assert message.startswith("6 of MILK lot L1 in MAIN")

    def test_recalled_goods_have_another_worry(self, lot: BatchLocation) -> None:
        BatchLocation.objects.update(blocked_reason="recalled")
        left("L1", days=2)
        assert evaluated(AlertKind.EXPIRING) == []

    def test_expired_goods_on_the_books(self, lot: BatchLocation, milk: Product, house: Site) -> None:
        left("L1", days=2)
        evaluate_alerts(actor=ACTOR)
        left("L1", minutes=-1)
        evaluate_alerts(actor=ACTOR)
        assert opened("expiring") == []
        ((severity, message),) = opened("expired")
        assert (severity, message.startswith("4 of MILK lot L1 in MAIN expired on ")) == ("critical", True)
        left("L1", days=20)
        assert evaluated(AlertKind.EXPIRED) == []

    def test_many_lots_in_as_many_statements(self, house: Site) -> None:
        for kind in (AlertKind.EXPIRING, AlertKind.EXPIRED):
            for days, many in ((2 if kind == AlertKind.EXPIRING else -1, 1), (2 if kind == AlertKind.EXPIRING else -1, 12)):
                for _ in range(many):
                    stocked(ProductFactory(lives={"chilled": 20}), house.cool, 1, expires_in_days=20)
                BatchLocation.objects.update(effective_expires_at=timezone.now() + timedelta(days=days))
                with CaptureQueriesContext(connection) as queries:
                    evaluate_kind(kind, actor=ACTOR)
                assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) == 5
        assert len(opened("expired")) == 26


class TestStock:
    @pytest.fixture
    def tell(self, milk: Product) -> Callable[[], list[tuple[str, str]]]:
        """Hand the new events to the subscriber; what is open then."""
        last = [0]

        def tell() -> list[tuple[str, str]]:
            new = OutboxEvent.objects.filter(sequence__gt=last[0], type__in=["stock.changed", "stock.low", "stock.out"]).order_by("sequence")
            follow_levels(list(new))
            last[0] = OutboxEvent.objects.latest("sequence").sequence
            return opened()

        return tell

    def test_the_relay_hands_it_what_changes_a_total(self) -> None:
        assert REGISTERED["stock-alerts"].types == {"stock.changed", "stock.low", "stock.out"}
        assert REGISTERED["storefront-figures"].types == {"stock.changed"}

    def test_at_once_by_the_events_and_back(self, milk: Product, house: Site, tell: Any) -> None:
        stocked(milk, house.cool, 10, expires_in_days=15)
        assert tell() == []
        (promise,) = promise_order("shop:1", [OrderedLine(milk.pk, Decimal(8))], actor=ACTOR)
        assert tell() == [("warning", "MILK in MAIN is low: 2 available, low at 3.")]
        promise_order("shop:2", [OrderedLine(milk.pk, Decimal(2))], actor=ACTOR)
        assert tell() == [("critical", "MILK in MAIN is out of stock: 0 available, low at 3.")]
        stocked(milk, house.cool, 10, expires_in_days=15)
        assert tell() == []
        assert list(Alert.objects.order_by("pk").values_list("kind", "count")) == [("low_stock", 1), ("out_of_stock", 1)]
        assert (promise.items[0].quantity, Stock.objects.get().available) == (8, 10)

    def test_the_job_finds_what_no_event_told(self, milk: Product, house: Site) -> None:
        stocked(milk, house.cool, 2, expires_in_days=15)
        evaluate_alerts(actor=ACTOR)
        assert [severity for severity, _ in opened("low_stock")] == ["warning"]
        Stock.objects.update(low_stock_threshold=1, status="in_stock")
        assert evaluated(AlertKind.LOW_STOCK) == []

    @pytest.mark.parametrize("model", [Product, Warehouse])
    def test_what_is_not_sold_any_more_is_not_missed(self, milk: Product, house: Site, model: Any) -> None:
        stocked(milk, house.cool, 2, expires_in_days=15)
        evaluate_alerts(actor=ACTOR)
        model.objects.update(is_active=False)
        assert evaluated(AlertKind.LOW_STOCK) == []

    def test_events_of_one_total_do_not_resolve_another(self, milk: Product, house: Site, tell: Any) -> None:
        stocked(ProductFactory(sku="TEA"), house.shelf, 1)
        assert [message for _, message in tell()] == ["TEA in MAIN is low: 1 available, low at 5."]
        stocked(milk, house.cool, 10, expires_in_days=15)
        assert len(tell()) == 1

    def test_goods_that_expire_are_out_and_off_the_page(self, milk: Product, house: Site, tell: Any) -> None:
        page = StorefrontProductFactory(product=milk)
        stocked(milk, house.cool, 10, lot="L1", expires_in_days=15)
        follow_stock(list(OutboxEvent.objects.filter(type="stock.changed")))
        page.refresh_from_db()
        assert (page.stock_quantity, tell()) == (10, [])
        left("L1", minutes=-1)
        with_expiry = OutboxEvent.objects.latest("sequence").sequence
        expire_stock(actor=ACTOR)
        follow_stock(list(OutboxEvent.objects.filter(type="stock.changed", sequence__gt=with_expiry)))
        page.refresh_from_db()
        assert page.stock_quantity == 0
        assert [severity for severity, _ in tell()] == ["critical"]
        assert_books_balance()


def test_a_promise_past_its_time(milk: Product, house: Site) -> None:
    stocked(milk, house.cool, 10, expires_in_days=15)
    for order in ("shop:1", "shop:2"):
        reserve_for_order(order, [OrderedLine(milk.pk, Decimal(2))], warehouse_id=house.id, ttl=timedelta(minutes=1), actor=ACTOR)
    late = Reservation.objects.get(order_ref="shop:1")

    def expired_for(**time: float) -> None:
        Reservation.objects.filter(pk=late.pk).update(expires_at=timezone.now() - timedelta(**time))

    expired_for(minutes=4)
    assert evaluated(AlertKind.RESERVATION_OVERDUE) == []
    expired_for(minutes=6)
    told = "The reservation for shop:1 in MAIN expired more than 5 minutes ago and still holds goods."
    assert evaluated(AlertKind.RESERVATION_OVERDUE) == [("critical", told)]
    Reservation.objects.filter(pk=late.pk).update(started_at=timezone.now())
    assert evaluated(AlertKind.RESERVATION_OVERDUE) == []
