"""What people do about discrepancies: only what can be done, told again from the beginning, left as it is, followed again."""

from __future__ import annotations

import pytest

from stocksync.enums import DiscrepancyKind, RemoteState, Resolution
from stocksync.models import Discrepancy
from stocksync.services.resolutions import follow_again, possible, resolve_discrepancy
from tests.factories.stocksync import ACTOR, elsewhere, given_up, open_kinds, operation_of, owed, refused, stocked, taken_in
from tests.inventory.books import totals
from warehouse.core.errors import Conflict, ValidationFailed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]


def opened() -> Discrepancy:
    return Discrepancy.objects.select_related("order").get(resolved_at=None)


def test_a_retry_by_hand_begins_anew(place, apple):
    row = given_up(owed(elsewhere(place), [(apple, 2)]))
    assert possible(opened()) == {Resolution.RETRY, Resolution.ROLL_BACK, Resolution.ACCEPT}
    resolve_discrepancy(opened().pk, Resolution.RETRY, note="They are back.", actor=ACTOR)
    fresh = operation_of(row.order)
    assert (fresh.status, fresh.retry_count, fresh.attempts, open_kinds(row.order)) == ("pending", 0, 0, [])


def test_given_up_twice_the_newest_reason_is_shown(place, apple):
    operation = owed(elsewhere(place), [(apple, 2)])
    refused(operation, 5, error="422: the first reason")
    resolve_discrepancy(opened().pk, Resolution.RETRY, note="again", actor=ACTOR)
    refused(operation, 4, error="500: something else")
    Discrepancy.objects.update(resolved_at=None)
    refused(operation, 1, error="500: another reason")
    assert "another reason" in opened().detail


def test_what_is_left_untold_is_followed_all_the_same(place, apple):
    channel = elsewhere(place)
    row = given_up(owed(channel, [(apple, 2)], external_id="A1"))
    resolve_discrepancy(opened().pk, Resolution.ACCEPT, note="They know by telephone.", actor=ACTOR)
    assert (operation_of(row.order).status, open_kinds(row.order)) == ("cancelled", [])
    taken_in(channel, [(apple, 2)], external_id="A1", revision="r2", state=RemoteState.CANCELLED)
    assert totals(apple.pk, place.id)[0] == 10


def test_what_could_not_be_deducted_is_left_alone_until_it_is_followed_again(place, apple):
    channel = elsewhere(place)
    order = taken_in(channel, [(apple, 11)], external_id="A1").order
    row = opened()
    assert (row.kind, possible(row)) == (DiscrepancyKind.NO_STOCK, {Resolution.DEDUCT, Resolution.ACCEPT})
    with pytest.raises(ValidationFailed):
        resolve_discrepancy(row.pk, Resolution.ROLL_BACK, note="x", actor=ACTOR)
    assert resolve_discrepancy(row.pk, Resolution.DEDUCT, note="x", actor=ACTOR).resolved_at is None
    resolve_discrepancy(row.pk, Resolution.ACCEPT, note="Sent by hand.", actor=ACTOR)
    with pytest.raises(Conflict, match="resolved since"):
        resolve_discrepancy(row.pk, Resolution.ACCEPT, note="x", actor=ACTOR)
    stocked(apple, place.shelf, 10)
    assert taken_in(channel, [(apple, 11)], external_id="A1", revision="r2").operation_id is None

    follow_again(order.pk, actor=ACTOR)
    assert taken_in(channel, [(apple, 11)], external_id="A1", revision="r3").operation_id is not None
    assert totals(apple.pk, place.id)[0] == 9
