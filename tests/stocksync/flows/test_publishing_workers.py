"""Several workers at once, workers killed in the worst moments, and how many statements levels cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stocksync.enums import ChannelKind, CommandStatus
from stocksync.flows.clients import client_for as client_of
from stocksync.flows.publishing import push_levels
from stocksync.marketplaces.allegro_rest.client import PARTNER
from stocksync.marketplaces.allegro_rest.limits import SharedLimits
from stocksync.marketplaces.base import CommandState
from stocksync.models import Channel, LevelCommand, ListingLevel
from stocksync.queries.levels import has_work
from stocksync.services.credentials import record_connection, store_application
from stocksync.services.level_commands import LEASE, claim_looks, claim_pushes, record_state
from stocksync.services.levels import change_level, follow_all, follow_orders
from stocksync.subscribers import follow_levels
from stocksync.tasks import follow_levels as follow_levels_task
from stocksync.tasks import push_levels as push_levels_task
from stocksync.tasks import sweep_levels
from tests.concurrency.processes import Process, kill, somebody_waits_for_us, worker
from tests.concurrency.threads import race
from tests.factories.inventory import ACTOR, ProductFactory
from tests.factories.stocksync import ChannelFactory, ListingLevelFactory
from tests.partners.allegro_account import CLIENT_ID, CLIENT_SECRET
from tests.partners.fixtures import TOKEN
from tests.stocksync.house import relay_all
from tests.stocksync.listings import COMMANDS, Shop, fresh, told
from tests.stocksync.marketplaces.allegro import ClientFor
from tests.warehouse.outbox.conftest import wait_for
from warehouse.celery import app
from warehouse.core.partners.errors import RetryableFailure
from warehouse.outbox.models import OutboxEvent
from warehouse.outbox.subscribers import REGISTERED, advance

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]

WORKER = """
from stocksync.flows.publishing import push_levels
from stocksync.marketplaces.allegro_rest import AllegroRestClient
from stocksync.models import Channel
push_levels(Channel.objects.get(pk={channel}), AllegroRestClient({url!r}, lambda: {token!r}, lambda refused: refused))
"""


def cycle(environment: dict[str, str], shop: Shop) -> AbstractContextManager[Process]:
    """A process that does one cycle, as a worker would."""
    return worker(environment, WORKER.format(channel=shop.channel.pk, url=shop.server.url, token=TOKEN))


def puts(shop: Shop) -> int:
    return sum(row["path"].startswith("/sale/offer-quantity") for row in shop.server.requests("PUT"))


def test_stock_is_followed_and_a_worker_asked_to_push(shop: Shop):
    level = shop.listed(5)
    shop.settled()
    shop.stock(4, level.product)
    relay_all()
    while advance(REGISTERED["follow-levels"]):
        pass
    event = OutboxEvent.objects.filter(type="stock.changed").latest("sequence")
    command = LevelCommand.objects.get(level=level, version=2)
    assert (command.quantity, command.cause, command.cause_position) == (9, "stock.changed", event.position)
    shop.settled()
    assert shop.shown() == (9, "ACTIVE")


def test_two_pushers_at_once_send_each_level_once(shop: Shop, client_for: ClientFor):
    levels = [shop.listed(5, offer=str(n)) for n in range(8)]

    def pusher() -> int:
        return push_levels(Channel.objects.get(pk=shop.channel.pk), client_for(), actor=ACTOR).sent

    outcomes = race([pusher, pusher])
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert sum(outcome.value for outcome in outcomes) == puts(shop) == 8
    assert sorted(row["offers"][0] for row in shop.allegro.commands()) == sorted(level.offer_id for level in levels)


def test_commands_can_not_be_done_out_of_order(shop: Shop, client_for: ClientFor):
    """lessons.md, row 22: two workers, a marketplace that does the newest command first; the newest quantity stays."""
    level = shop.listed(9)
    shop.allegro.slowness = None

    def pusher() -> int:
        return push_levels(Channel.objects.get(pk=shop.channel.pk), client_for(), actor=ACTOR).sent

    for buffer in (1, 2, 3):
        race([pusher, pusher])
        change_level(level.pk, buffer, actor=ACTOR)
    for _ in range(6):
        for command in reversed(shop.allegro.commands()):
            shop.allegro.finish(command["id"])
        shop.clock.passes(minutes=2)
        race([pusher, pusher])
    assert shop.sent() == [9, 6]
    assert shop.shown() == (6, "ACTIVE")
    assert (fresh(level).shown, fresh(level).shown_version) == (6, 4)


def test_a_pusher_passes_over_what_another_one_holds(shop: Shop):
    shop.listed(5)
    with transaction.atomic():
        list(ListingLevel.objects.select_for_update())
        [other] = race([lambda: claim_pushes(shop.channel.pk, actor=ACTOR)])
    assert other.value == []
    assert len(claim_pushes(shop.channel.pk, actor=ACTOR)) == 1
    assert claim_pushes(shop.channel.pk, actor=ACTOR) == claim_looks(shop.channel.pk, actor=ACTOR) == []


def test_a_slow_marketplace_leaves_the_rest_of_a_batch_to_the_next_lease(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    for number in range(4):
        shop.listed(5, offer=str(number))
    shop.clock.passes(seconds=5)
    push = shop.client.push_quantity

    def slowly(*args: object) -> CommandState:
        shop.clock.passes(seconds=70)
        return push(*args)

    monkeypatch.setattr(shop.client, "push_quantity", slowly)
    assert push_levels(shop.channel, shop.client, actor=ACTOR, go_on=lambda: False).failed == 0
    assert shop.sent() == [5, 5, 5]
    [left] = LevelCommand.objects.filter(status=CommandStatus.PENDING).values_list("pk", flat=True)
    shop.clock.passes(seconds=LEASE.total_seconds())
    push_levels(shop.channel, shop.client, actor=ACTOR, go_on=lambda: False)
    assert shop.sent() == [5, 5, 5, 5]
    assert shop.allegro.commands()[-1]["id"] == str(left)


def test_looks_are_taken_the_longest_due_first(shop: Shop):
    levels = [shop.listed(5, offer=str(number)) for number in range(3)]
    shop.push()
    for level, seconds in zip(levels, (3, 1, 2), strict=True):
        level.commands.update(next_look_at=shop.clock.now + timedelta(seconds=seconds))
    ListingLevel.objects.filter(pk=levels[0].pk).update(next_push_at=shop.clock.now - timedelta(days=1))
    shop.clock.passes(seconds=5)
    taken = [claim_looks(shop.channel.pk, limit=1, actor=ACTOR)[0].level_id for _ in levels]
    assert taken == [levels[1].pk, levels[2].pk, levels[0].pk]


def test_an_answer_that_comes_after_another_worker_took_over_changes_nothing(shop: Shop):
    level = shop.listed(5)
    [slow] = claim_pushes(shop.channel.pk, actor=ACTOR)
    shop.clock.passes(seconds=LEASE.total_seconds() + 1)
    [second] = claim_looks(shop.channel.pk, actor=ACTOR)
    assert (second.command_id, second.todo) == (slow.command_id, slow.todo)
    record_state(slow, CommandState(CommandStatus.FAILED, {}, "too late"), actor=ACTOR)
    assert told(level) == [(1, 5, "pending")]
    record_state(second, CommandState(CommandStatus.ACCEPTED), actor=ACTOR)
    assert told(level) == [(1, 5, "accepted")]


@pytest.mark.slow
def test_killed_after_the_command_was_written(shop: Shop, environment: dict[str, str]):
    level = shop.listed(5)
    shop.server.fail("latency", seconds=20, path=COMMANDS)
    with cycle(environment, shop) as process:
        wait_for(lambda: LevelCommand.objects.filter(sent_at__isnull=False).exists() and not shop.server.faults.as_json(), 60)
        kill(process)
    assert shop.sent() == []
    _is_sent_once(shop, level)


@pytest.mark.slow
def test_killed_while_the_marketplace_works(shop: Shop, environment: dict[str, str]):
    level = shop.listed(5)
    shop.server.fail("latency", when="during", seconds=1, path=COMMANDS)
    with cycle(environment, shop) as process:
        wait_for(lambda: len(shop.allegro.commands()) == 1, 60)
        kill(process)
    _is_sent_once(shop, level)


@pytest.mark.slow
def test_killed_after_the_answer(shop: Shop, environment: dict[str, str]):
    """Recording it waits for the level, which we hold: the answer is there, and nothing of it is written."""
    level = shop.listed(5)
    shop.server.fail("latency", when="during", seconds=1, path=COMMANDS)
    with cycle(environment, shop) as process:
        wait_for(lambda: LevelCommand.objects.filter(sent_at__isnull=False).exists(), 60)
        with transaction.atomic():
            list(ListingLevel.objects.select_for_update())
            wait_for(lambda: puts(shop) == 1, 30)
            wait_for(somebody_waits_for_us, 30)
            kill(process)
    assert told(level) == [(1, 5, "pending")]
    _is_sent_once(shop, level)


@pytest.mark.slow
def test_killed_while_it_is_read_back(shop: Shop, environment: dict[str, str]):
    level = shop.listed(5)
    shop.push()
    LevelCommand.objects.update(next_look_at=shop.clock.now - timedelta(minutes=1))
    shop.server.fail("latency", seconds=20, path="/sale/product-offers/*")
    with cycle(environment, shop) as process:
        wait_for(lambda: told(level) == [(1, 5, "succeeded")] and not shop.server.faults.as_json(), 60)
        kill(process)
    _is_sent_once(shop, level)


def _is_sent_once(shop: Shop, level: ListingLevel) -> None:
    """The dead worker's lease holds for a while; then the next one repeats the same step with the same id."""
    command = LevelCommand.objects.get()
    before = len(shop.server.requests())
    shop.push()
    assert len(shop.server.requests()) == before
    shop.cycle(4, seconds=LEASE.total_seconds())
    assert [row["id"] for row in shop.allegro.commands()] == [str(command.pk)]
    assert (shop.shown(), told(level)) == ((5, "ACTIVE"), [(1, 5, "succeeded")])
    assert (fresh(level).shown, fresh(level).shown_version) == (5, 1)


def _with_levels(shop: Shop, count: int) -> list[ListingLevel]:
    products = [ProductFactory() for _ in range(count)]
    rows = [ListingLevelFactory(channel=shop.channel, product=product) for product in products]
    for product in products:
        shop.stock(5, product)
    return rows


@pytest.mark.parametrize("count", [1, 100])
def test_the_statements_do_not_grow_with_the_levels(shop: Shop, count: int):
    levels = _with_levels(shop, count)
    relay_all()
    events = list(OutboxEvent.objects.filter(type="stock.changed").order_by("position"))
    with transaction.atomic(), CaptureQueriesContext(connection) as following:
        follow_levels(events)
    assert {level.wanted for level in ListingLevel.objects.all()} == {5}
    with CaptureQueriesContext(connection) as claiming:
        assert len(claim_pushes(shop.channel.pk, limit=count, actor=ACTOR)) == count
    LevelCommand.objects.update(next_look_at=shop.clock.now - timedelta(minutes=1))
    with CaptureQueriesContext(connection) as looking:
        assert len(claim_looks(shop.channel.pk, limit=count, actor=ACTOR)) == count
    with CaptureQueriesContext(connection) as all_of_them:
        follow_all(0, actor=ACTOR)
    with CaptureQueriesContext(connection) as orders:
        follow_orders(shop.channel.pk, actor=ACTOR)
    told = [
        sum(not query["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")) for query in each)
        for each in (following, claiming, looking, all_of_them, orders)
    ]
    assert (len(levels), told) == (count, [8, 10, 4, 4, 2])


@pytest.fixture
def at_once() -> Iterator[None]:
    """Messages are worked on where they are sent."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("url", ["http://name:word@example.test", "http://127.0.0.1:9", ""])
def test_a_channel_that_can_not_be_asked_stops_no_listing_of_another(shop: Shop, url: str):
    """Neither an address that nobody can call, nor one where nobody is, nor a seller who was never connected."""
    connected(shop)
    shop.listed(5)
    broken = ListingLevelFactory(
        channel=ChannelFactory(pk=shop.channel.pk - 1, kind=ChannelKind.ALLEGRO_REST, base_url=url), next_push_at=shop.clock.now
    )
    assert has_work(broken.channel_id, timezone.now())
    sweep_levels()
    assert shop.sent() == [5]
    push_levels_task(broken.channel.pk)


def test_an_application_that_is_blocked_stops_no_other_one(shop: Shop):
    """Allegro counts the requests of an application, whatever sellers it asks for."""
    connected(shop)
    SharedLimits(PARTNER, "another application").blocked(60)
    with client_of(shop.channel) as mine:
        assert mine.get_order("order-1") is None
    SharedLimits(PARTNER, CLIENT_ID).blocked(60)
    with client_of(shop.channel) as mine, pytest.raises(RetryableFailure, match="too many requests"):
        mine.get_order("order-1")


def connected(shop: Shop) -> None:
    """Its seller has let us in."""
    store_application(shop.channel.pk, CLIENT_ID, CLIENT_SECRET, actor=ACTOR)
    pair = shop.allegro.give_tokens()
    record_connection(shop.channel.pk, CLIENT_ID, pair["access_token"], pair["refresh_token"], pair["expires_in"], actor=ACTOR)


@pytest.mark.usefixtures("at_once")
def test_the_tasks_do_it(shop: Shop):
    connected(shop)
    level = shop.listed(5)
    follow_levels_task()
    push_levels_task(shop.channel.pk)
    assert shop.sent() == [5]
    ListingLevel.objects.filter(pk=level.pk).update(safety_buffer=2)
    follow_levels_task()
    assert fresh(level).wanted == 3
    shop.clock.passes(seconds=3)
    sweep_levels()
    assert shop.sent() == [5, 3]
    push_levels_task(10**9)
