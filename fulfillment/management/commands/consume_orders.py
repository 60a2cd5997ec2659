"""`manage.py consume_orders`: orders come in from the order system's stream."""

from __future__ import annotations

import socket
from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from fulfillment.services.stream_orders import handle_entry
from warehouse.outbox.consumer import StreamConsumer
from warehouse.outbox.resilience import stop_on_signals


class Command(BaseCommand):
    help = "Take in confirmed and cancelled orders from the stream; several may run, each under a name of its own."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", default=f"{socket.gethostname()}-1", help="This consumer's name in the group, kept over restarts.")
        parser.add_argument("--drain", action="store_true", help="Handle what there is now and leave.")

    def handle(self, *args: Any, **options: Any) -> None:
        stream = settings.ORDERS_STREAM
        consumer = StreamConsumer(settings.LISTINGS_REDIS_URL, stream, settings.ORDERS_GROUP, options["name"], partial(handle_entry, stream))
        stop = stop_on_signals()
        if options["drain"]:
            self.stdout.write(str(consumer.drain(stop)))
        else:
            consumer.run(stop)
