"""Listings told what they are to show: never before the orders were read to their end, one command of a listing at a time, each read back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils import timezone

from stocksync.enums import ChannelMode
from stocksync.flows.clients import listing_client_for
from stocksync.flows.reading import read_channel
from stocksync.marketplaces.base import ChannelClient, ListingClient, Shown
from stocksync.models import Channel
from stocksync.queries.levels import has_work
from stocksync.services.background import ACTOR
from stocksync.services.level_commands import BATCH, Step, Todo, claim_looks, claim_pushes, record_no_answer, record_refusal, record_state
from stocksync.services.levels import SET, follow_all, follow_orders
from stocksync.services.read_back import record_shown
from warehouse.core.actor import Actor
from warehouse.core.partners.errors import CircuitOpen, PermanentFailure, RetryableFailure

logger = logging.getLogger(__name__)

# In one go; a channel with more to tell goes on in the next.
BATCHES = 50


@dataclass(frozen=True, slots=True)
class PushResult:
    """How many commands were sent, how many other looks were taken at commands and listings, how many calls failed, and whether the orders could be read."""

    sent: int = 0
    looked: int = 0
    failed: int = 0
    at_end: bool = True


def push_levels(
    channel: Channel, client: ListingClient | None = None, *, actor: Actor = ACTOR, go_on: Callable[[], bool] = lambda: True
) -> PushResult:
    """Send what the listings of a channel are to show, follow what was sent, and read it back, as far as each is due. Nothing for a channel that is not on.

    Before each batch the orders are read to their end, so that no quantity goes out that undoes a sale not yet seen; what can't be read stops all of it until
    the next time. Any number of workers may do this at once. One listing that fails does not stop the others.
    """
    channel.refresh_from_db()
    _follow_orders(channel, actor)
    if channel.mode != ChannelMode.ON or not channel.takes_quantities or not has_work(channel.pk, timezone.now()):
        return PushResult()
    if client is None:
        with listing_client_for(channel) as opened:
            return push_levels(channel, opened, actor=actor, go_on=go_on)
    sent = looked = failed = 0
    for _ in range(BATCHES):
        if not _read_to_end(channel, client, actor):
            return PushResult(sent, looked, failed, at_end=False)
        _follow_orders(channel, actor)
        steps = claim_looks(channel.pk, actor=actor)
        steps += claim_pushes(channel.pk, limit=BATCH, actor=actor)
        pushes = sum(step.todo == Todo.PUSH for step in steps)
        failing = _take(channel, steps, client, actor)
        sent, looked, failed = sent + pushes, looked + len(steps) - pushes, failed + failing
        if failing == len(steps) or not go_on():
            break
    return PushResult(sent, looked, failed)


def follow_levels(
    after: int = 0,
    channel_id: int | None = None,
    cause: str = "reckoned anew",
    *,
    actor: Actor = ACTOR,
    go_on: Callable[[], bool] = lambda: True,
) -> int | None:
    """Reckon every level (of a channel) behind that id anew, a set of them at a time: what an event did not say, such as a changed buffer, or shelf life that
    passes. Where to go on; None at the end."""
    found: int | None = after
    while found is not None:
        found = follow_all(found, channel_id=channel_id, cause=cause, actor=actor)
        if not go_on():
            break
    return found


def _follow_orders(channel: Channel, actor: Actor) -> None:
    while follow_orders(channel.pk, SET, actor=actor) == SET:
        logger.info("%s: more of its levels follow its orders", channel)


def _read_to_end(channel: Channel, client: ChannelClient, actor: Actor) -> bool:
    channel.refresh_from_db()
    try:
        return read_channel(channel, client, actor=actor).at_end
    except (RetryableFailure, PermanentFailure) as error:
        logger.warning("%s: no quantity is sent, because its orders can't be read: %s", channel, error)
        return False


def _take(channel: Channel, steps: Sequence[Step], client: ListingClient, actor: Actor) -> int:
    """Take each step; how many calls failed. Listings are all read first, and judged after the orders were read that may explain what they show."""
    failed = 0
    seen: list[tuple[Step, Shown]] = []
    for step in steps:
        if not step.in_time:
            logger.warning("%s: the rest of a batch is left until its lease is over, because the marketplace is slow", channel)
            break
        try:
            if step.todo == Todo.READ:
                seen.append((step, client.read_listing(step.offer_id)))
            else:
                _call(step, client, actor)
        except RetryableFailure as error:
            record_no_answer(step, str(error), error.retry_after, asked=not isinstance(error, CircuitOpen), actor=actor)
            failed += 1
        except PermanentFailure as error:
            record_refusal(step, str(error), actor=actor)
            failed += 1
    differ = any(shown.quantity != step.quantity for step, shown in seen)
    readable = not differ or _read_to_end(channel, client, actor)
    for step, shown in seen:
        if readable or shown.quantity == step.quantity:
            record_shown(step, shown, actor=actor)
        else:
            record_no_answer(step, "the orders could not be read that may explain what it shows", None, asked=False, actor=actor)
    return failed


def _call(step: Step, client: ListingClient, actor: Actor) -> None:
    match step.todo:
        case Todo.PUSH:
            state = client.push_quantity(step.command_id, step.offer_id, step.quantity)
        case Todo.POLL:
            state = client.command_state(step.command_id)
        case Todo.REVIVE:
            state = client.revive_listing(step.revival_id, step.offer_id)
        case _:
            state = client.revival_state(step.revival_id)
    record_state(step, state, actor=actor)
