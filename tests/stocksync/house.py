"""The two halves of the house talking to each other: what channels ask, fulfilment answers."""

from __future__ import annotations

from django.conf import settings

from warehouse.outbox.models import OutboxEvent, Subscription
from warehouse.outbox.relay import Relay
from warehouse.outbox.resilience import connect_redis
from warehouse.outbox.subscribers import REGISTERED, advance

ASKED, ANSWERED = "take-in-channel-orders", "follow-warehouse-orders"


def relay_all() -> None:
    relay = Relay(connect_redis(settings.REDIS_URL, decode=False))
    while relay.publish_batch().published:
        pass


def settle() -> None:
    """Everything that was asked is answered, and the answers are noted; until nobody has anything to say. Needs a test with real transactions."""
    before = -1
    while (now := OutboxEvent.objects.count()) != before:
        before = now
        for name in (ASKED, ANSWERED):
            relay_all()
            while advance(REGISTERED[name]):
                pass
            assert Subscription.objects.get(pk=name).attempts == 0, name


def said(kind: str) -> list[dict[str, object]]:
    """What the events of this type said, in their order."""
    return list(OutboxEvent.objects.filter(type=kind).order_by("sequence").values_list("payload", flat=True))
