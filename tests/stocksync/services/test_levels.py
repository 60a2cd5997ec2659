"""What listings are to show, sent to a real server and read back there."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from stocksync import tasks
from stocksync.enums import ChannelMode, RemoteState
from stocksync.flows.publishing import push_levels
from stocksync.models import LevelCommand, ListingLevel
from stocksync.queries.levels import sold_offers
from stocksync.services.background import FOLLOW_LEVELS
from stocksync.services.channels import change_channel
from stocksync.services.intake import take_in_order
from stocksync.services.levels import SET, change_level, follow_all, follow_orders, list_product, push_again, unlist
from stocksync.services.read_back import READ_AGAIN
from stocksync.tasks import follow_levels
from tests.factories.inventory import ACTOR, ProductFactory, stocked
from tests.factories.stocksync import ChannelFactory, ListingLevelFactory, remote
from tests.stocksync.listings import Shop, fresh, told
from warehouse.core.errors import Conflict, NotFound, ValidationFailed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


def test_what_can_be_sold_less_the_buffer_is_sent_and_read_back(shop: Shop):
    level = shop.listed(9, shows=3, buffer=2)
    assert (fresh(level).version, fresh(level).wanted, told(level)) == (1, 7, [(1, 7, "pending")])
    assert shop.push().sent == 1
    assert told(level) == [(1, 7, "accepted")]
    shop.cycle()
    assert shop.shown() == (7, "ACTIVE")
    level = fresh(level)
    assert (level.sent, level.sent_version, level.shown, level.shown_version, level.on_sale) == (7, 1, 7, 1, True)
    assert told(level) == [(1, 7, "succeeded")]
    command = LevelCommand.objects.get()
    assert command.reckoning == {"sellable": "9", "buffer": 2, "ordered": "0"}
    assert command.next_look_at == shop.clock.now + READ_AGAIN
    before = len(shop.server.requests())
    shop.cycle(3)
    assert len(shop.server.requests()) == before


@pytest.mark.parametrize(("own", "wanted"), [(None, 6), (0, 9), (4, 5), (9, 0), (20, 0)])
def test_the_listings_own_buffer_goes_before_the_channels(shop: Shop, own: int | None, wanted: int):
    shop.channel.safety_buffer = 3
    shop.channel.save()
    assert fresh(shop.listed(9, buffer=own)).wanted == wanted


def test_parts_of_a_piece_are_not_shown(shop: Shop):
    product = ProductFactory(base_unit="kg", quantity_step=Decimal("0.001"))
    stocked(product, shop.place.shelf, "2.9")
    assert list_product(shop.channel.pk, "5", product.sku, actor=ACTOR).wanted == 2


def test_bought_and_not_paid_is_taken_off_until_it_is_deducted_or_cancelled(shop: Shop):
    level = shop.listed(9)
    product = level.product
    bought = remote([(product, 2)], external_id="o-1", state=RemoteState.WAITING)
    take_in_order(shop.channel.pk, bought, actor=ACTOR)
    assert follow_orders(shop.channel.pk, actor=ACTOR) == 1
    assert (fresh(level).wanted, fresh(level).ordered, fresh(level).version) == (7, 2, 2)
    assert follow_orders(shop.channel.pk, actor=ACTOR) == 0
    shop.clock.passes(seconds=1)
    take_in_order(shop.channel.pk, remote([(product, 2)], external_id="o-1", revision="r2"), actor=ACTOR)
    assert follow_orders(shop.channel.pk, actor=ACTOR) == 1
    level = fresh(level)
    assert (level.wanted, level.sellable, level.ordered, level.version) == (7, 7, 0, 2)
    shop.clock.passes(seconds=1)
    take_in_order(shop.channel.pk, remote([(product, 3)], external_id="o-2", state=RemoteState.WAITING), actor=ACTOR)
    assert follow_orders(shop.channel.pk, actor=ACTOR) == 1
    assert fresh(level).wanted == 4
    shop.clock.passes(seconds=1)
    take_in_order(shop.channel.pk, remote([(product, 3)], external_id="o-2", revision="r2", state=RemoteState.CANCELLED), actor=ACTOR)
    assert follow_orders(shop.channel.pk, actor=ACTOR) == 1
    assert fresh(level).wanted == 7


def test_an_order_that_is_left_alone_is_not_taken_off(shop: Shop):
    level = shop.listed(9)
    order = take_in_order(shop.channel.pk, remote([(level.product, 2)], state=RemoteState.WAITING), actor=ACTOR).order
    order.left_alone = True
    order.save_changes("left_alone")
    assert follow_orders(shop.channel.pk, actor=ACTOR) == 0
    assert fresh(level).wanted == 9


def test_a_line_without_a_sku_is_taken_off_the_listing_it_was_bought_at(shop: Shop):
    level = shop.listed(9)
    take_in_order(shop.channel.pk, remote([("", 2)], state=RemoteState.WAITING), actor=ACTOR)
    assert follow_orders(shop.channel.pk, actor=ACTOR) == 0
    ListingLevel.objects.update(offer_id="offer-1")
    assert follow_orders(shop.channel.pk, actor=ACTOR) == 1
    assert fresh(level).wanted == 7


def test_five_four_five_are_three_commands(shop: Shop):
    """lessons.md, row 21: the key is made per version, never from the quantity."""
    level = shop.listed(5)
    shop.settled()
    for buffer in (1, 0):
        change_level(level.pk, buffer, actor=ACTOR)
        shop.settled()
    assert shop.sent() == [5, 4, 5]
    assert len({row["id"] for row in shop.allegro.commands()}) == 3
    assert shop.shown() == (5, "ACTIVE")
    assert fresh(level).shown_version == 3


def test_what_was_not_sent_is_not_sent_any_more_when_something_newer_is_wanted(shop: Shop):
    level = shop.listed(5)
    change_level(level.pk, 1, actor=ACTOR)
    change_level(level.pk, 2, actor=ACTOR)
    shop.settled()
    assert shop.sent() == [3]
    assert told(level) == [(1, 5, "superseded"), (2, 4, "superseded"), (3, 3, "succeeded")]


def test_shadow_reckons_and_sends_nothing(shop: Shop):
    shop.channel.mode = ChannelMode.SHADOW
    shop.channel.save()
    level = shop.listed(5, shows=9)
    assert (fresh(level).wanted, shop.push().sent, shop.server.requests()) == (5, 0, [])
    with pytest.raises(Conflict, match="is shadow: switch it on"):
        push_again(level.pk, actor=ACTOR)
    shop.channel.mode = ChannelMode.ON
    shop.channel.save()
    shop.settled()
    assert shop.shown() == (5, "ACTIVE")


def test_off_sends_nothing_of_what_is_on_its_way_either(shop: Shop):
    shop.listed(5)
    shop.push()
    shop.channel.mode = ChannelMode.OFF
    shop.channel.save()
    before = len(shop.server.requests())
    shop.cycle(3)
    assert len(shop.server.requests()) == before


def test_listing_again_sets_the_buffer_and_another_product_is_refused(shop: Shop):
    level = shop.listed(5)
    again = list_product(shop.channel.pk, " 77 ", level.product.sku.lower(), 2, actor=ACTOR)
    assert (again.pk, again.wanted, again.version) == (level.pk, 3, 2)
    with pytest.raises(Conflict, match=r"unlist it before it sells"):
        list_product(shop.channel.pk, "77", ProductFactory().sku, actor=ACTOR)
    assert ListingLevel.objects.count() == 1


def test_unlisted_is_told_nothing_and_can_be_listed_with_another_product(shop: Shop):
    level = shop.listed(5)
    unlist(level.pk, actor=ACTOR)
    assert unlist(level.pk, actor=ACTOR).unlisted_at is not None
    assert (shop.push().sent, told(level)) == (0, [(1, 5, "superseded")])
    for refused in (lambda: change_level(level.pk, 1, actor=ACTOR), lambda: push_again(level.pk, actor=ACTOR)):
        with pytest.raises(Conflict, match="is unlisted: list it again first"):
            refused()
    other = shop.stock(8)
    assert list_product(shop.channel.pk, "77", other.sku, actor=ACTOR).wanted == 8
    shop.settled()
    assert shop.shown() == (8, "ACTIVE")


@pytest.mark.parametrize(
    ("offer", "sku", "buffer", "field"),
    [
        ("", "known", None, "offer_id"),
        ("x" * 81, "known", None, "offer_id"),
        ("1", "nothing-like-it", None, "sku"),
        ("1", "known", -1, "safety_buffer"),
    ],
)
def test_nonsense_is_refused_and_leaves_nothing(shop: Shop, offer: str, sku: str, buffer: int | None, field: str):
    product = ProductFactory()
    with pytest.raises(ValidationFailed) as refused:
        list_product(shop.channel.pk, offer, product.sku if sku == "known" else sku, buffer, actor=ACTOR)
    assert refused.value.errors[0]["field"] == field
    assert not ListingLevel.objects.exists()


def test_a_marketplace_that_takes_no_quantities_has_no_listings(shop: Shop):
    product = ProductFactory()
    with pytest.raises(Conflict, match="takes no quantities"):
        list_product(ChannelFactory().pk, "1", product.sku, actor=ACTOR)
    assert not ListingLevel.objects.exists()


def test_what_is_not_there_is_not_found(shop: Shop):
    for missing in (lambda: change_level(1, 1, actor=ACTOR), lambda: unlist(1, actor=ACTOR), lambda: push_again(1, actor=ACTOR)):
        with pytest.raises(NotFound):
            missing()


def the_message(callbacks: list[Any], task: str) -> tuple[Any, ...]:
    """What the one message says that is sent to this task after the transaction."""
    [args] = [callback.args[1] for callback in callbacks if callback.args[0] == task]
    return tuple(args)


def test_a_changed_channel_is_followed_and_so_is_what_no_event_told(shop: Shop, django_capture_on_commit_callbacks: Any):
    level = shop.listed(5)
    with django_capture_on_commit_callbacks() as asked:
        change_channel(shop.channel.pk, {"safety_buffer": 1}, actor=ACTOR)
    assert fresh(level).wanted == 5
    follow_levels(*the_message(asked, FOLLOW_LEVELS))
    assert fresh(level).wanted == 4
    assert level.commands.latest("version").cause == f"channel changed by {ACTOR.name}"
    shop.stock(10, level.product)
    assert follow_all(0, actor=ACTOR) is None
    assert fresh(level).wanted == 14


def test_all_levels_are_reckoned_a_set_at_a_time(shop: Shop):
    ids = [shop.listed(5, offer=str(n)).pk for n in range(3)]
    ListingLevelFactory()
    mine = {"channel_id": shop.channel.pk, "actor": ACTOR}
    assert follow_all(0, 2, **mine) == ids[1]
    assert follow_all(ids[1], 2, **mine) is None
    assert follow_all(ids[1], 2, actor=ACTOR) == ListingLevel.objects.latest("pk").pk


def test_a_channel_with_more_listings_than_a_set_is_followed_set_by_set(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    """One statement for all of them has more parameters than PostgreSQL takes. What there is no time left for goes on in a message."""
    product = shop.stock(9)
    made = ListingLevel.objects.bulk_create(ListingLevel(channel=shop.channel, offer_id=f"offer-{n}", product=product) for n in range(SET + 1))
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(follow_levels, "apply_async", asked.append)
    monkeypatch.setattr(tasks, "_for", lambda seconds: lambda: bool(asked))
    follow_levels(0, shop.channel.pk, "changed")
    assert asked == [(made[SET - 1].pk, shop.channel.pk, "changed")]
    assert ListingLevel.objects.filter(wanted=9).count() == SET
    follow_levels(*asked[0])
    assert ListingLevel.objects.filter(wanted=9).count() == len(made)
    take_in_order(shop.channel.pk, remote([(product, 1)], state=RemoteState.WAITING), actor=ACTOR)
    push_levels(shop.channel, shop.client, go_on=lambda: False)
    assert ListingLevel.objects.filter(wanted=8, ordered=1).count() == len(made)


def test_listings_that_were_sold_from_are_proposed_not_taken(shop: Shop):
    product = shop.stock(5)
    take_in_order(shop.channel.pk, remote([(product, 1), ("no-such-sku", 1), ("", 1)], state=RemoteState.WAITING), actor=ACTOR)
    found = sold_offers(shop.channel)
    assert [(each.offer_id, each.sku, each.product_id, each.orders) for each in found] == [
        ("offer-2", "no-such-sku", None, 1),
        ("offer-1", product.sku, product.pk, 1),
    ]
    assert not ListingLevel.objects.exists()
    list_product(shop.channel.pk, "offer-1", product.sku, actor=ACTOR)
    assert [each.offer_id for each in sold_offers(shop.channel)] == ["offer-2"]
