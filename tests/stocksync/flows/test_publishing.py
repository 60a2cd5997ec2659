"""Quantities on their way: in their order, never before the orders were read, through failures, to zero and back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stocksync.enums import CommandStatus
from stocksync.models import Channel, ChannelOrder, LevelCommand
from stocksync.services.level_commands import LOST_AFTER
from stocksync.services.levels import change_level, push_again
from tests.factories.inventory import ACTOR
from tests.partners.allegro_offers import PUBLICATION
from tests.stocksync.listings import COMMANDS, Shop, fresh, open_ones, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

OFFERS = "/sale/product-offers/*"


def test_a_sale_that_was_not_read_yet_is_read_before_anything_is_sent(shop: Shop):
    """lessons.md: a push never undoes a sale not yet seen."""
    level = shop.listed(5, shows=5)
    shop.allegro.sell("77", 2)
    shop.settled()
    assert shop.sent() == [3]
    assert shop.shown() == (3, "ACTIVE")
    assert fresh(level).sellable == 3
    asked = [(row["method"], row["path"].split("?")[0]) for row in shop.server.requests()]
    first_push = next(n for n, (method, path) in enumerate(asked) if method == "PUT" and path.startswith("/sale/"))
    assert ("GET", "/order/events") in asked[:first_push]


def test_nothing_is_sent_while_the_journal_can_not_be_read_to_its_end(shop: Shop):
    level = shop.listed(5)
    shop.server.fail("status", status=503, times=None, path="/order/events")
    result = shop.push()
    assert (result.sent, result.at_end, shop.sent(), fresh(level).sent_version) == (0, False, [], 0)
    assert Channel.objects.get(pk=shop.channel.pk).read_to_end_at is None
    shop.server.faults.clear()
    shop.cycle(minutes=10)
    assert shop.sent() == [5]


def test_a_sale_while_the_command_was_on_its_way_is_no_difference(shop: Shop):
    """The marketplace lowers its own figure; the order is read first, and explains what is shown."""
    level = shop.listed(5)
    shop.push()
    shop.allegro.finish(LevelCommand.objects.get().pk)
    shop.allegro.sell("77", 1)
    shop.cycle(4)
    assert not open_ones(level)
    level = fresh(level)
    assert (level.wanted, level.shown, level.differences) == (4, 4, 0)
    assert shop.shown() == (4, "ACTIVE")


def test_a_sale_that_is_not_paid_is_no_difference_either(shop: Shop):
    level = shop.listed(5)
    shop.push()
    shop.allegro.finish(LevelCommand.objects.get().pk)
    shop.allegro.sell("77", 1, status="BOUGHT")
    shop.cycle(4)
    assert (fresh(level).wanted, fresh(level).ordered, fresh(level).shown) == (4, 1, 4)
    assert not open_ones(level)


def test_sold_there_and_restocked_here_meanwhile_is_sent_again_without_a_complaint(shop: Shop):
    level = shop.listed(5)
    shop.push()
    shop.allegro.finish(LevelCommand.objects.get().pk)
    shop.allegro.sell("77", 1)
    shop.stock(1, level.product)
    shop.cycle()
    ChannelOrder.objects.update(created_at=shop.clock.now)
    LevelCommand.objects.filter(version=1).update(sent_at=shop.clock.now)
    shop.cycle(4)
    assert (shop.shown(), open_ones(level), fresh(level).differences) == ((5, "ACTIVE"), [], 0)
    assert shop.sent()[-1] == 5
    assert len(shop.sent()) <= 3


def test_a_newer_quantity_waits_for_the_end_of_the_one_before(shop: Shop):
    """lessons.md, row 22."""
    level = shop.listed(5)
    shop.allegro.slowness = None
    shop.push()
    change_level(level.pk, 3, actor=ACTOR)
    shop.cycle(3)
    assert shop.sent() == [5]
    assert told(level) == [(1, 5, "accepted"), (2, 2, "pending")]
    shop.allegro.finish(shop.allegro.commands()[0]["id"])
    shop.cycle(seconds=61)
    shop.cycle()
    assert shop.sent() == [5, 2]
    shop.allegro.finish(shop.allegro.commands()[1]["id"])
    shop.cycle(2, seconds=61)
    assert shop.shown() == (2, "ACTIVE")
    assert (fresh(level).shown_version, fresh(level).shown) == (2, 2)


def test_a_command_that_never_ends_is_given_up_as_lost(shop: Shop):
    level = shop.listed(5)
    shop.allegro.slowness = None
    shop.push()
    change_level(level.pk, 3, actor=ACTOR)
    shop.cycle(seconds=3)
    assert shop.sent() == [5]
    shop.cycle(seconds=LOST_AFTER.total_seconds())
    assert told(level)[0] == (1, 5, "failed")
    shop.allegro.slowness = 0
    shop.cycle(3)
    assert (shop.sent(), shop.shown()) == ([5, 2], (2, "ACTIVE"))


def test_all_zero_counts_mean_not_yet(shop: Shop):
    """lessons.md, row 24. The pauses between the looks grow."""
    level = shop.listed(5)
    shop.allegro.slowness = 3
    shop.push()
    pauses = []
    for _ in range(3):
        command = LevelCommand.objects.get()
        assert (command.status, command.next_look_at is not None) == ("accepted", True)
        pauses.append((command.next_look_at - shop.clock.now).total_seconds())
        shop.cycle(seconds=pauses[-1])
    assert pauses == sorted(pauses)
    assert pauses[0] == 2.0
    shop.cycle(seconds=60)
    assert told(level) == [(1, 5, "succeeded")]


def test_an_answer_that_was_lost_is_asked_for_with_the_same_id(shop: Shop):
    level = shop.listed(5)
    shop.server.fail("drop", when="after", path=COMMANDS, method="PUT")
    assert shop.push().failed == 1
    assert shop.sent() == [5]
    level = fresh(level)
    assert (level.failures, level.sent_version, told(level)) == (1, 1, [(1, 5, "pending")])
    shop.cycle(3, seconds=30)
    assert shop.sent() == [5]
    assert told(level) == [(1, 5, "succeeded")]
    assert (fresh(level).failures, fresh(level).failing_since, fresh(level).error_message) == (0, None, "")


def test_the_marketplaces_wish_is_kept_and_no_version_is_lost(shop: Shop):
    level = shop.listed(5)
    shop.server.fail("status", status=429, retry_after="90", path=COMMANDS, method="PUT")
    shop.push()
    command = LevelCommand.objects.get()
    assert command.next_look_at == fresh(level).next_push_at >= shop.clock.now + timedelta(seconds=90)
    change_level(level.pk, 1, actor=ACTOR)
    shop.cycle(seconds=1)
    assert (shop.sent(), fresh(level).version, fresh(level).sent_version) == ([], 2, 1)


def test_one_bad_listing_does_not_stop_the_others(shop: Shop):
    """lessons.md, row 27."""
    levels = [shop.listed(5, offer=str(n)) for n in range(5)]
    bad = levels[2]
    shop.allegro.fail_offer("2", "The offer is being edited.")
    shop.settled()
    assert [shop.shown(str(n))[0] for n in range(5)] == [5, 5, 1, 5, 5]
    assert [len(open_ones(level)) for level in levels] == [0, 0, 1, 0, 0]
    [found] = open_ones(bad)
    assert (found.kind, found.detail) == ("level", "Version 1 failed there: offer 2: The offer is being edited.")
    shop.allegro.fail_offer("2", None)
    shop.cycle(3, seconds=60)
    assert shop.shown("2") == (5, "ACTIVE")
    assert not open_ones(bad)


def test_a_listing_that_always_fails_is_sent_four_times_and_then_waits_for_a_person(shop: Shop):
    level = shop.listed(5)
    shop.allegro.fail_offer("77", "The offer is blocked.")
    shop.cycle(40, minutes=30)
    assert shop.sent() == [5] * 4
    assert len(open_ones(level)) == 1
    shop.allegro.fail_offer("77", None)
    push_again(level.pk, actor=ACTOR)
    shop.settled()
    assert shop.shown() == (5, "ACTIVE")
    assert not open_ones(level)


def test_what_the_marketplace_refuses_is_not_repeated(shop: Shop):
    level = shop.listed(5)
    shop.server.fail("status", status=422, path=COMMANDS)
    shop.cycle(5, minutes=30)
    puts = [row for row in shop.server.requests("PUT") if row["path"].startswith("/sale/")]
    assert (len(puts), told(level)) == (1, [(1, 5, "failed")])
    [found] = open_ones(level)
    assert "refused with 422" in found.detail
    change_level(level.pk, 1, actor=ACTOR)
    shop.settled()
    assert shop.shown() == (4, "ACTIVE")
    assert not open_ones(level)


def test_nothing_left_ends_the_listing_and_stock_revives_it(shop: Shop):
    """lessons.md, row 25."""
    level = shop.listed(5)
    shop.settled()
    change_level(level.pk, 5, actor=ACTOR)
    shop.settled()
    assert shop.shown() == (0, "ENDED")
    assert (fresh(level).on_sale, open_ones(level)) == (False, [])
    change_level(level.pk, 1, actor=ACTOR)
    shop.settled()
    shop.cycle(3)
    assert shop.shown() == (4, "ACTIVE")
    command = LevelCommand.objects.get(level=level, version=3)
    assert [row["id"] for row in shop.allegro.commands(PUBLICATION)] == [str(command.revival_id)]
    assert (command.revival, fresh(level).on_sale, open_ones(level)) == ("succeeded", True, [])


def test_a_revival_whose_answer_was_lost_is_asked_for_with_the_same_id(shop: Shop):
    level = shop.listed(0, shows=3)
    shop.settled()
    shop.stock(4, level.product)
    change_level(level.pk, 1, actor=ACTOR)
    shop.server.fail("drop", when="after", path="/sale/offer-publication-commands/*", method="PUT")
    shop.settled()
    shop.cycle(6, seconds=30)
    assert len(shop.allegro.commands(PUBLICATION)) == 1
    assert shop.shown() == (3, "ACTIVE")


def test_sold_out_there_and_restocked_at_once_is_revived_too(shop: Shop):
    level = shop.listed(1)
    shop.settled()
    shop.allegro.sell("77", 1)
    shop.stock(4, level.product)
    shop.clock.passes(seconds=1)
    change_level(level.pk, 0, actor=ACTOR)
    shop.push()
    # A column's default is the time of day, not the test's.
    ChannelOrder.objects.update(created_at=shop.clock.now)
    shop.cycle(4)
    assert shop.shown() == (4, "ACTIVE")


def test_what_somebody_ended_by_hand_is_not_put_on_sale_by_us(shop: Shop):
    level = shop.listed(5)
    shop.settled()
    shop.allegro.put_offer("77", 5, status="ENDED")
    change_level(level.pk, 1, actor=ACTOR)
    shop.settled()
    shop.cycle(4, hours=1)
    assert (shop.shown(), shop.allegro.commands(PUBLICATION), shop.sent()) == ((4, "ENDED"), [], [5, 4])
    [found] = open_ones(level)
    assert "put it on sale there, or unlist it here" in found.detail
    shop.allegro.put_offer("77", 4, status="ACTIVE")
    shop.cycle(2, hours=1)
    assert not open_ones(level)


def test_a_wrong_read_back_backs_off_and_is_no_loop(shop: Shop):
    """lessons.md, row 26."""
    level = shop.listed(5)
    shop.server.fail("replace", values={"stock": {"available": 8, "unit": "UNIT"}}, times=None, path=OFFERS, method="GET")
    shop.settled()
    [found] = open_ones(level)
    assert (found.kind, found.here["sent"], found.there["shown"]) == ("level", 5, 8)
    assert found.detail == "8 are shown, 5 were sent as version 1."
    assert shop.sent() == [5]
    shop.cycle(2, seconds=20)
    assert shop.sent() == [5]
    shop.cycle(60, minutes=20)
    assert shop.sent() == [5] * 4
    assert len(open_ones(level)) == 1
    before = len(shop.server.requests("PUT"))
    shop.cycle(5, hours=2)
    assert len(shop.server.requests("PUT")) == before
    shop.server.faults.clear()
    shop.cycle(2, hours=1)
    assert not open_ones(level)
    assert (fresh(level).shown, fresh(level).differences) == (5, 0)


def test_a_wrong_read_back_is_no_matter_when_something_newer_is_wanted(shop: Shop):
    level = shop.listed(5)
    shop.push()
    shop.server.fail("replace", values={"stock": {"available": 8, "unit": "UNIT"}}, path=OFFERS, method="GET")
    shop.stock(4, level.product)
    shop.cycle()
    assert not open_ones(level)
    shop.cycle(2)
    assert (shop.sent(), shop.shown(), open_ones(level)) == ([5, 9], (9, "ACTIVE"), [])


def test_a_difference_is_not_judged_while_the_orders_can_not_be_read(shop: Shop):
    level = shop.listed(5)
    shop.push()
    shop.allegro.finish(LevelCommand.objects.get().pk)
    shop.allegro.put_offer("77", 4)
    LevelCommand.objects.update(status=CommandStatus.SUCCEEDED)
    # The cycle's own reading works, the one before the judgement does not.
    shop.clock.passes(seconds=3)
    shop.server.fail("latency", seconds=0.01, path="/order/events")
    shop.server.fail("status", status=503, times=None, path="/order/events")
    shop.push()
    assert not open_ones(level)
    assert fresh(level).shown is None
    shop.server.faults.clear()
    shop.cycle(minutes=10)
    assert [found.detail for found in open_ones(level)] == ["4 are shown, 5 were sent as version 1."]


def test_a_listing_that_is_gone_waits_for_a_person(shop: Shop):
    level = shop.listed(5)
    shop.push()
    shop.server.fail("status", status=404, times=None, path=OFFERS)
    shop.cycle(4)
    [found] = open_ones(level)
    assert "404" in found.detail
    shop.server.faults.clear()
    shop.cycle(hours=2)
    assert not open_ones(level)


def test_what_somebody_changes_there_is_seen_within_the_hour(shop: Shop):
    """Nothing was sold and nothing sent: only looking again finds it, and puts it right."""
    level = shop.listed(5)
    shop.settled()
    shop.allegro.put_offer("77", 30)
    shop.cycle(minutes=30)
    assert (fresh(level).shown, len(open_ones(level))) == (5, 0)
    shop.cycle(minutes=31)
    assert [found.detail for found in open_ones(level)] == ["30 are shown, 5 were sent as version 1."]
    shop.cycle(4, minutes=2)
    assert (shop.shown()[0], fresh(level).shown, len(open_ones(level))) == (5, 5, 0)
