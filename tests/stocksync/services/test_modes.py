"""A channel switched off, to shadow and on: what is followed, what the scheme before ours did, what was only noted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from stocksync.enums import ChannelMode, RemoteState
from stocksync.models import Channel
from stocksync.queries.comparison import without_repetitions
from stocksync.services.channels import set_mode
from stocksync.services.intake import take_in_order
from stocksync.services.reconciliation import deduct_late
from tests.factories.stocksync import ACTOR, elsewhere, open_kinds, remote, taken_in
from tests.inventory.books import assert_books_balance, totals

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]


def switch(channel: Channel, mode: ChannelMode) -> Channel:
    return set_mode(channel.pk, mode, actor=ACTOR)


def test_from_shadow_on_what_the_scheme_before_deducted_is_left_alone_and_the_rest_is_deducted(place, apple):
    channel = elsewhere(place, mode=ChannelMode.OFF)
    switch(channel, ChannelMode.SHADOW)
    theirs = taken_in(channel, [(apple, 1), ("NOBODY-KNOWS", 1)], external_id="THEIRS", known=True).order
    ours = remote([(apple, 2)], external_id="OURS")
    take_in_order(channel.pk, ours, actor=ACTOR)
    assert open_kinds(theirs) == ["no_sku"]

    channel = switch(channel, ChannelMode.ON)
    theirs.refresh_from_db()
    assert (theirs.left_alone, open_kinds(theirs)) == (True, [])
    # It reads again what came in shadow.
    assert channel.swept_until <= channel.mode_since
    assert without_repetitions(channel, [ours]) == [ours]
    take_in_order(channel.pk, ours, actor=ACTOR)
    assert totals(apple.pk, place.id)[0] == 8
    assert_books_balance()


def test_off_and_on_again_loses_nothing(place, apple):
    channel = switch(elsewhere(place, mode=ChannelMode.OFF), ChannelMode.ON)
    bought = timezone.now()
    short = taken_in(channel, [(apple, 11)], external_id="SHORT", known=True, ordered_at=bought).order
    since = channel.deducts_since
    switch(channel, ChannelMode.OFF)
    channel = switch(channel, ChannelMode.ON)

    short.refresh_from_db()
    assert (short.left_alone, channel.deducts_since) == (False, since)
    unread = remote([(apple, 3)], external_id="UNREAD", known=True, ordered_at=bought)
    order = take_in_order(channel.pk, unread, actor=ACTOR).order
    assert deduct_late(order.pk, unread, actor=ACTOR) is not None
    assert totals(apple.pk, place.id)[0] == 7


def test_what_was_cancelled_in_shadow_long_ago_comes_back(place, apple):
    channel = elsewhere(place, swept_until=timezone.now())
    taken_in(channel, [(apple, 2)], external_id="A1")
    switch(channel, ChannelMode.SHADOW)
    Channel.objects.update(mode_since=timezone.now() - timedelta(days=9), swept_until=timezone.now())
    cancelled = remote([(apple, 2)], external_id="A1", revision="r2", state=RemoteState.CANCELLED)
    take_in_order(channel.pk, cancelled, actor=ACTOR)
    assert totals(apple.pk, place.id)[0] == 8

    channel = switch(channel, ChannelMode.ON)
    assert timezone.now() - channel.swept_until > timedelta(days=8)
    assert without_repetitions(channel, [cancelled]) == [cancelled]
    take_in_order(channel.pk, cancelled, actor=ACTOR)
    assert totals(apple.pk, place.id)[0] == 10
