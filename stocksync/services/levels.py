"""Which listings we tell a quantity, and what makes that quantity change. Sending it: `level_commands`."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import timezone

from inventory import orchestrator
from stocksync.enums import ChannelMode, CommandStatus
from stocksync.locks import lock_channel, lock_level, lock_levels
from stocksync.models import ListingLevel
from stocksync.queries.levels import levels_behind_orders
from stocksync.services.reckoning import Cause, give_versions, reckon
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.transactions import lost_race_on, operation

# Two that list the same at once: the second one starts again and finds it.
lost_race_on(["listing_level_once"])

OFFER_LENGTH = 80
LARGEST_BUFFER = 1_000_000
# So many levels are locked and reckoned at once: what has many is gone through set by set, each a transaction of its own.
SET = 500


@operation(Role.INTEGRATION)
def list_product(channel_id: int, offer_id: str, sku: str, safety_buffer: int | None = None, *, actor: Actor) -> ListingLevel:
    """Have a listing show from now on how much of a product can be sold; `safety_buffer` pieces less (default: the channel's).

    Listing the same again sets the buffer; one that was unlisted is listed anew. Locks the channel, then the level. Raises NotFound, ValidationFailed for an
    unknown SKU; Conflict when the listing sells another product, or where listings can't be told a quantity.
    """
    channel = lock_channel(channel_id)
    if not channel.takes_quantities:
        raise Conflict(f"{channel} is an account at the {channel.get_kind_display()}, which takes no quantities of listings.", kind=channel.kind)
    offer_id = _require_offer(offer_id)
    _require_buffer(safety_buffer)
    product = orchestrator.products_by_sku([sku]).get(sku.strip().upper())
    if product is None:
        raise ValidationFailed(f"sku: there is no active product {sku!r}.", errors=[{"field": "sku", "code": "unknown", "asked": sku[:80]}])
    known = ListingLevel.objects.filter(channel=channel, offer_id=offer_id).values_list("pk", flat=True).first()
    if known is not None:
        return _list_again(lock_level(known), product, safety_buffer, actor)
    made = ListingLevel.objects.create(channel=channel, offer_id=offer_id, product_id=product.product_id, safety_buffer=safety_buffer, version=0)
    return _begin(lock_level(made.pk), actor)


@operation(Role.INTEGRATION)
def change_level(level_id: int, safety_buffer: int | None, *, actor: Actor) -> ListingLevel:
    """Set how many pieces a listing shows less than can be sold; None: the channel's buffer. Locks the level. Raises NotFound, ValidationFailed, Conflict."""
    _require_buffer(safety_buffer)
    level = _lock_listed(level_id)
    level.safety_buffer = safety_buffer
    level.save(update_fields=["safety_buffer"])
    reckon([level], lambda _: Cause(f"safety buffer changed by {actor.name}"))
    return level


@operation(Role.INTEGRATION)
def unlist(level_id: int, *, actor: Actor) -> ListingLevel:
    """Tell a listing nothing any more; it goes on showing what it shows, and its history stays. What is on its way comes to its end. Locks the level.

    Unlisting again changes nothing. Raises NotFound.
    """
    level = lock_level(level_id)
    if level.unlisted_at is None:
        level.unlisted_at = timezone.now()
        level.save(update_fields=["unlisted_at"])
        level.commands.filter(status=CommandStatus.PENDING, sent_at=None).update(status=CommandStatus.SUPERSEDED, finished_at=level.unlisted_at)
    return level


@operation(Role.INTEGRATION)
def push_again(level_id: int, *, actor: Actor) -> ListingLevel:
    """Have a listing told its quantity again, as a new version, at once and from the first try. Locks the level.

    Raises NotFound; Conflict for one that is unlisted, or whose channel is not on.
    """
    level = _lock_listed(level_id)
    if level.channel.mode != ChannelMode.ON:
        raise Conflict(f"{level.channel} is {level.channel.mode}: switch it on to have quantities sent.", mode=level.channel.mode)
    level.differences, level.next_push_at = 0, timezone.now()
    level.works_again("differences", "next_push_at")
    cause = Cause(f"sent again by {actor.name}")
    if not reckon([level], lambda _: cause):
        give_versions([level], lambda _: cause)
    return level


@operation()
def follow_stock(causes: Mapping[tuple[int, str], Cause], *, actor: Actor) -> int:
    """Have levels follow their stock: by product and partners' id of the warehouse, the newest event. How many got a new version.

    Locks the levels. The number of statements does not grow with them. Asks workers to push.
    """
    rows = ListingLevel.objects.filter(unlisted_at=None, product__in={product for product, _ in causes})
    rows = rows.filter(channel__warehouse__external_id__in={warehouse for _, warehouse in causes})
    keys = {pk: (product, place) for pk, product, place in rows.values_list("pk", "product", "channel__warehouse__external_id")}
    found = {pk: causes[key] for pk, key in keys.items() if key in causes}
    if not found:
        return 0
    return len(reckon(lock_levels(found), lambda level: found[level.pk]))


@operation()
def follow_orders(channel_id: int, limit: int = SET, *, actor: Actor) -> int:
    """Have the next levels of a channel follow what is ordered there and not deducted, which the marketplace has taken from what it shows already.

    How many levels that were: `limit`, and there may be more of them. Two statements when nothing has changed; else locks the levels that it changes.
    """
    behind = levels_behind_orders(channel_id)[:limit]
    if behind:
        reckon(lock_levels(behind), lambda _: Cause("orders of the channel"))
    return len(behind)


@operation()
def follow_all(after: int, limit: int = SET, *, actor: Actor, channel_id: int | None = None, cause: str = "reckoned anew") -> int | None:
    """Reckon the next levels (of a channel) behind that id, whatever has changed: a buffer, a warehouse, the shelf life that is left, or what an event did
    not say.

    The last id; None at the end. Locks them; the number of statements does not grow with them.
    """
    rows = ListingLevel.objects.filter(pk__gt=after, unlisted_at=None)
    if channel_id is not None:
        rows = rows.filter(channel=channel_id)
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:limit])
    if ids:
        reckon(lock_levels(ids), lambda _: Cause(cause))
    return ids[-1] if len(ids) == limit else None


def _list_again(level: ListingLevel, product: orchestrator.NamedProduct, safety_buffer: int | None, actor: Actor) -> ListingLevel:
    listed = level.unlisted_at is None
    if listed and level.product_id != product.product_id:
        raise Conflict(
            f"Listing {level.offer_id} sells {level.product.sku}: unlist it before it sells {product.sku}.", level=level.pk, sku=level.product.sku
        )
    level.product_id, level.safety_buffer, level.unlisted_at = product.product_id, safety_buffer, None
    level.save(update_fields=["product", "safety_buffer", "unlisted_at"])
    if not listed:
        return _begin(level, actor)
    reckon([level], lambda _: Cause(f"listed by {actor.name}"))
    return level


def _begin(level: ListingLevel, actor: Actor) -> ListingLevel:
    """Give a level a version to be told, also when nothing is what it is to show."""
    cause = Cause(f"listed by {actor.name}")
    if not reckon([level], lambda _: cause):
        give_versions([level], lambda _: cause)
    return level


def _lock_listed(level_id: int) -> ListingLevel:
    level = lock_level(level_id)
    if level.unlisted_at is not None:
        raise Conflict(f"Listing {level.offer_id} is unlisted: list it again first.", level=level.pk)
    return level


def _require_offer(offer_id: str) -> str:
    text = offer_id.strip()
    if not text or len(text) > OFFER_LENGTH:
        raise ValidationFailed(
            f"offer_id: give the listing's id, {OFFER_LENGTH} characters at most.", errors=[{"field": "offer_id", "code": "invalid"}]
        )
    return text


def _require_buffer(buffer: int | None) -> None:
    if buffer is not None and not 0 <= buffer <= LARGEST_BUFFER:
        detail = f"safety_buffer: {buffer} is not from 0 to {LARGEST_BUFFER}; leave it empty for the channel's."
        raise ValidationFailed(detail, errors=[{"field": "safety_buffer", "code": "invalid", "asked": str(buffer)}])
