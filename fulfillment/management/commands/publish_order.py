"""`manage.py publish_order`: what the order system does when an order is confirmed, for trying it by hand."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Publish a confirmed order to the order system's stream: publish_order 1001 100:2 101:1@2"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("order_id")
        parser.add_argument("lines", nargs="+", metavar="LISTING:QUANTITY[@WAREHOUSE]", help="the warehouse by the partners' id; any when left out")
        parser.add_argument("--storefront", default="1", help="the storefront's external id")

    def handle(self, *args: Any, order_id: str, lines: list[str], storefront: str, **options: Any) -> None:
        fields = {
            "type": "order.confirmed",
            "order_id": order_id,
            "storefront_id": storefront,
            "items": json.dumps([self._item(line) for line in lines]),
            "timestamp": str(int(time.time())),
        }
        entry = redis.Redis.from_url(settings.LISTINGS_REDIS_URL).xadd(settings.ORDERS_STREAM, fields)  # type: ignore[arg-type]
        self.stdout.write(f"{settings.ORDERS_STREAM} {entry.decode()}: {json.dumps(fields)}")  # type: ignore[union-attr]

    @staticmethod
    def _item(line: str) -> dict[str, str]:
        goods, _, warehouse = line.partition("@")
        listing, colon, quantity = goods.partition(":")
        if not (listing and colon and quantity):
            raise CommandError(f"{line!r} is not LISTING:QUANTITY or LISTING:QUANTITY@WAREHOUSE.")
        return {"listing_id": listing, "quantity": quantity} | ({"warehouse_id": warehouse} if warehouse else {})
