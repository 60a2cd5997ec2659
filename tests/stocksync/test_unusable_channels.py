"""Channels that can't be asked at all: what they owe waits, and nobody else waits with them."""

from __future__ import annotations

import pytest

from stocksync.flows.acknowledging import process_pending_operations
from stocksync.flows.clients import client_for
from stocksync.flows.tokens import NotConnected
from stocksync.models import PendingStockOperation
from tests.factories.fulfillment import reachable_site
from tests.factories.inventory import ProductFactory, stocked
from tests.factories.stocksync import elsewhere, taken_in
from tests.partners.allegro_microservice import line_item

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]


def test_an_unusable_address_stops_its_own_channel_only(allegro_microservice):
    place, product = reachable_site(), ProductFactory(sku="TEA")
    stocked(product, place.shelf, 10)
    broken, sound = elsewhere(place, base_url="http://user:secret@example.test"), elsewhere(place, token_id="sound")
    allegro_microservice.partner.put_order("there", account="sound", lineItems=[line_item("TEA")])
    for channel, name in ((broken, "nowhere"), (sound, "there")):
        taken_in(channel, [(product, 1)], external_id=name)

    result = process_pending_operations()

    assert (result.processed, result.succeeded, result.failed) == (2, 1, 1)
    waiting = PendingStockOperation.objects.get(channel=broken)
    assert (waiting.status, waiting.attempts, waiting.retry_count, waiting.claimed_until) == ("pending", 0, 0, None)
    assert "base URL" in waiting.error_message
    assert "secret" not in waiting.error_message
    with pytest.raises(NotConnected, match="mend the channel"):
        client_for(broken)
