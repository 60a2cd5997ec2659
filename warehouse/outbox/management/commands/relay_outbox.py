"""Publish the outbox to the Redis streams and run the internal subscribers."""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from warehouse.outbox import subscribers
from warehouse.outbox.relay import BATCH, RedisAway, Relay
from warehouse.outbox.resilience import connect_redis, stop_on_signals

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Publish the outbox to the Redis streams and run the internal subscribers, until SIGTERM."
    # It starts quickly and needs no URLs or templates.
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="publish what there is, run the subscribers to the end, print the counts and exit")
        parser.add_argument("--batch", type=int, default=BATCH, help="events per transaction")
        parser.add_argument("--replay-after", type=int, metavar="POSITION", help="send again what was published behind this position, then exit")

    def handle(self, *args: Any, once: bool, batch: int, replay_after: int | None, **options: Any) -> None:
        stop = stop_on_signals()
        relay = Relay(connect_redis(settings.REDIS_URL), batch=batch)
        try:
            if replay_after is not None:
                self.stdout.write(f"{relay.replay(replay_after, stop)} events sent again")
            elif once:
                self._once(relay, stop)
            else:
                self._run(relay, stop)
        except (redis.RedisError, RedisAway, DatabaseError) as error:
            raise CommandError(f"The outbox can't be published now: {error}") from error

    def _once(self, relay: Relay, stop: threading.Event) -> None:
        """Subscribers may publish too: go round until nothing moves."""
        published = parked = 0
        while not stop.is_set():
            batch = relay.drain(stop)
            published += batch.published
            parked += batch.parked
            if not batch.published and not subscribers.run_pass():
                break
        self.stdout.write(f"{published} events published, {parked} parked")

    def _run(self, relay: Relay, stop: threading.Event) -> None:
        """The subscribers work in a thread of their own, so that a slow one does not hold back the streams."""
        crashed: list[Exception] = []

        def work() -> None:
            try:
                subscribers.run(stop)
            except Exception as error:
                logger.exception("The subscribers ended")
                crashed.append(error)
            finally:
                connections.close_all()
                stop.set()

        thread = threading.Thread(target=work, name="subscribers")
        thread.start()
        try:
            relay.run(stop)
        finally:
            stop.set()
            thread.join()
        if crashed:
            sys.exit(1)
