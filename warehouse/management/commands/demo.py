"""The demo: a data set and a morning of work."""

from __future__ import annotations

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from inventory.models import Warehouse
from warehouse.core.actor import Actor
from warehouse.demo.boxes import make_boxes
from warehouse.demo.deliveries import receive_goods
from warehouse.demo.goods import make_products, make_suppliers
from warehouse.demo.marketplaces import open_marketplaces
from warehouse.demo.morning import work_the_morning
from warehouse.demo.papers import write_papers
from warehouse.demo.people import make_people
from warehouse.demo.places import SITES, make_sites
from warehouse.demo.printers import make_printers
from warehouse.demo.walks import make_walks
from warehouse.demo.waves import plan_the_wave
from warehouse.replay.stock import SITE as REPLAY_SITE


class Command(BaseCommand):
    help = "Put the demo into this database: goods, sites, people, deliveries and a morning of work. What is there already is left as it is."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="even where other people's warehouses are")
        parser.add_argument("--if-allowed", action="store_true", help="say so and end well where the demo does not belong")

    def handle(self, *args: Any, force: bool, if_allowed: bool, **options: Any) -> None:
        reason = "" if force else refusal()
        if reason and if_allowed:
            self.stdout.write(f"No demo: {reason}")
            return
        if reason:
            raise CommandError(reason)
        users = make_people()
        sites, products, suppliers = make_sites(), make_products(), make_suppliers()
        make_boxes()
        make_printers(sites.values())
        make_walks(sites, Actor.of_user(users["manager"]))
        deliveries = receive_goods(sites, products, suppliers, actor=Actor.of_user(users["receiver"]))
        orders = work_the_morning(users)
        plan_the_wave(sites, users)
        papers = write_papers(sites, products, users)
        sold = open_marketplaces(sites, users)
        self.stdout.write(
            f"The demo is here: {len(products)} products, {len(sites)} sites, {len(users)} users. New: {deliveries} deliveries, {orders} orders, "
            f"{papers} other papers, {sold} orders of marketplaces."
        )


def refusal() -> str:
    """Why the demo, with passwords that everybody knows, does not belong into this database; an empty string when it may come."""
    if settings.SECURE:
        return "This site is served over HTTPS to others (HTTPS=1), and everybody knows the demo's passwords. Use --force if you mean it."
    ours = [site.code for site in SITES]
    foreign = Warehouse.objects.exclude(code__in=[*ours, REPLAY_SITE])
    if foreign.exists() and not Warehouse.objects.filter(code__in=ours).exists():
        names = ", ".join(foreign.values_list("code", flat=True)[:3])
        return f"This database has warehouses of its own ({names}), and everybody knows the demo's passwords. Use --force if you mean it."
    return ""
