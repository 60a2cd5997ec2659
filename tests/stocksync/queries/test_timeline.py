"""Why does the marketplace show 7?"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stocksync.enums import ChannelMode
from stocksync.models import Channel, LevelCommand
from stocksync.queries.explaining import explain
from stocksync.queries.timeline import EntryKind, timeline
from stocksync.services.levels import change_level
from tests.factories.inventory import ACTOR
from tests.stocksync.house import relay_all
from tests.stocksync.listings import COMMANDS, Shop, fresh
from warehouse.core.errors import NotFound
from warehouse.outbox.subscribers import REGISTERED, advance

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]

LEDGER, EVENT, ORDER, WANTED, COMMAND, ANSWER, SHOWN = EntryKind


def followed() -> None:
    """The subscriber has seen all that happened."""
    relay_all()
    while advance(REGISTERED["follow-levels"]):
        pass


def test_one_story_from_the_ledger_to_the_listing(shop: Shop):
    level = shop.listed(9, buffer=2)
    shop.settled()
    shop.stock(3, level.product)
    followed()
    shop.settled()
    entries = timeline(level.pk, until=shop.clock.now + timedelta(minutes=1))
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    # The test's clock runs ahead of the database's, so what was read back stands for itself.
    assert [(entry.kind, entry.quantity) for entry in entries if entry.kind in (LEDGER, EVENT)] == [
        (LEDGER, 9),
        (EVENT, 9),
        (LEDGER, 12),
        (EVENT, 12),
    ]
    assert [(entry.kind, entry.quantity) for entry in entries if entry.kind in (WANTED, SHOWN)] == [
        (WANTED, 7),
        (SHOWN, 7),
        (WANTED, 10),
        (SHOWN, 10),
    ]
    event = next(entry for entry in entries if entry.kind == EVENT and entry.quantity == 12)
    wanted = next(entry for entry in entries if entry.kind == WANTED and entry.quantity == 10)
    assert wanted.text == "version 2 wants 10: sellable 12 − buffer 2 = 10 (stock.changed)"
    assert wanted.links["position"] == event.links["position"]
    command = LevelCommand.objects.get(version=2)
    assert wanted.links["command"] == str(command.pk)
    of_two = [(entry.kind, entry.text) for entry in entries if entry.links.get("version") == 2]
    assert of_two == [
        (WANTED, wanted.text),
        (COMMAND, f"version 2 is sent as command {command.pk}"),
        (ANSWER, "the marketplace took the command of version 2"),
        (ANSWER, "version 2 is done there"),
        (SHOWN, "10 shown, read back after version 2"),
    ]


def test_orders_of_the_listing_are_in_it(shop: Shop):
    level = shop.listed(9)
    shop.settled()
    shop.allegro.sell("77", 2, order_id="o-1")
    shop.allegro.sell("77", 1, order_id="o-2", status="BOUGHT")
    change_level(level.pk, 1, actor=ACTOR)
    shop.settled()
    shop.allegro.change_order("o-2", status="CANCELLED")
    change_level(level.pk, 2, actor=ACTOR)
    shop.settled()
    texts = {entry.text for entry in timeline(level.pk, until=shop.clock.now + timedelta(minutes=1)) if entry.kind == ORDER}
    assert texts == {
        "order o-1 of 2 was seen",
        "order o-1 of 2 was deducted",
        "order o-2 of 1 was seen",
        "order o-2 of 1 was cancelled",
    }


def test_why_does_the_marketplace_show_seven(shop: Shop):
    level = shop.listed(9, buffer=2)
    assert explain(level.pk) == ("What listing 77 shows was never read back. Version 1 (sellable 9 − buffer 2 = 7) waits for its turn.")
    shop.settled()
    command = LevelCommand.objects.get()
    assert explain(level.pk) == (
        f"7 shown: sellable 9 − buffer 2 = 7, sent as version 1 at {command.sent_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"read back at {command.shown_at:%Y-%m-%d %H:%M:%S} UTC."
    )


def test_why_does_it_not_show_what_is_wanted(shop: Shop):
    level = shop.listed(9)
    shop.settled()
    shop.allegro.slowness = None
    change_level(level.pk, 1, actor=ACTOR)
    shop.push()
    change_level(level.pk, 2, actor=ACTOR)
    said = explain(level.pk)
    assert said.startswith("9 shown: sellable 9 − buffer 0 = 9, sent as version 1 at ")
    assert "Version 2 (sellable 9 − buffer 1 = 8) is on its way since " in said
    assert said.endswith("Version 3 (sellable 9 − buffer 2 = 7) waits for the end of the one before.")
    Channel.objects.update(mode=ChannelMode.SHADOW)
    assert explain(level.pk).endswith("is shadow: nothing is sent.")


def test_without_an_answer_it_says_so(shop: Shop):
    level = shop.listed(9)
    shop.server.fail("status", status=503, path=COMMANDS)
    shop.push()
    sent_at = LevelCommand.objects.get().sent_at
    assert explain(level.pk) == (
        f"What listing 77 shows was never read back. Version 1 (sellable 9 − buffer 0 = 9) is sent since {sent_at:%Y-%m-%d %H:%M:%S} UTC, "
        "without an answer yet: Allegro REST: answered 503."
    )


def test_with_a_failure_it_says_so(shop: Shop):
    level = shop.listed(9)
    shop.allegro.fail_offer("77", "The offer is blocked.")
    shop.push()
    shop.cycle()
    assert explain(level.pk) == (
        "What listing 77 shows was never read back. Version 1 (sellable 9 − buffer 0 = 9) has failed: offer 77: The offer is blocked. "
        "Version 2 (sellable 9 − buffer 0 = 9) waits for its turn. "
        "Another quantity than was sent was read back, or a command failed, once: see the discrepancy."
    )


def test_another_quantity_than_was_sent_is_explained(shop: Shop):
    level = shop.listed(9)
    shop.server.fail("replace", values={"stock": {"available": 4, "unit": "UNIT"}}, times=None, path="/sale/product-offers/*", method="GET")
    shop.settled()
    assert explain(level.pk).startswith("4 shown, read back at ")
    assert "; sellable 9 − buffer 0 = 9, sent as version 1" in explain(level.pk)
    assert fresh(level).differences == 1


def test_only_the_asked_period_and_nothing_of_others(shop: Shop):
    level = shop.listed(9)
    other = shop.listed(5, offer="78")
    shop.settled()
    entries = timeline(level.pk, until=shop.clock.now + timedelta(minutes=1))
    assert {entry.quantity for entry in entries if entry.quantity is not None} == {Decimal(9)}
    assert timeline(other.pk, since=shop.clock.now + timedelta(days=1), until=shop.clock.now + timedelta(days=2)) == []
    with pytest.raises(NotFound):
        timeline(10**9)
    with pytest.raises(NotFound):
        explain(10**9)


def test_the_statements_do_not_grow(shop: Shop):
    level = shop.listed(50)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as told:
            timeline(level.pk)
        with CaptureQueriesContext(connection) as explained:
            explain(level.pk)
        counts.append((len(told), len(explained)))
        for buffer in range(1, 9):
            shop.allegro.sell("77", 1) if shop.shown()[0] > 1 else shop.stock(1, level.product)
            change_level(level.pk, buffer, actor=ACTOR)
            shop.settled()
    assert counts == [(5, 2), (5, 2)]
