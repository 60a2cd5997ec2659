"""A shop at Allegro whose listings we tell what to show, with its warehouse and its clock, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inventory.models import Product
from stocksync.enums import ChannelKind
from stocksync.flows.publishing import PushResult, push_levels
from stocksync.marketplaces.allegro_rest import AllegroRestClient
from stocksync.models import Channel, Discrepancy, LevelCommand, ListingLevel
from stocksync.services.levels import list_product
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.factories.stocksync import elsewhere
from tests.fulfillment.parcels import Clock
from tests.partners.allegro_rest import AllegroRest
from tests.partners.server import PartnerServer

COMMANDS = "/sale/offer-quantity-change-commands/*"


@dataclass
class Shop:
    """The channel sells what lies on the shelf of the site; somebody else sends its orders."""

    channel: Channel
    place: Site
    server: PartnerServer
    allegro: AllegroRest
    client: AllegroRestClient
    clock: Clock

    def stock(self, quantity: int, product: Product | None = None) -> Product:
        """So much more, if any, of a (new) product on the shelf."""
        product = product or ProductFactory()
        if quantity:
            stocked(product, self.place.shelf, quantity)
        return product

    def listed(self, quantity: int, offer: str = "77", *, shows: int = 1, buffer: int | None = None, status: str = "ACTIVE") -> ListingLevel:
        """A listing of a new product with so much on the shelf, which shows something else until it is told."""
        product = self.stock(quantity)
        self.allegro.put_offer(offer, shows, sku=product.sku, status=status)
        return list_product(self.channel.pk, offer, product.sku, buffer, actor=ACTOR)

    def push(self) -> PushResult:
        """One cycle, now."""
        return push_levels(self.channel, self.client, actor=ACTOR)

    def cycle(self, times: int = 1, **passes: float) -> PushResult:
        """Cycles, each a while after the one before."""
        result = PushResult()
        for _ in range(times):
            self.clock.passes(**(passes or {"seconds": 3}))
            result = self.push()
        return result

    def settled(self, **passes: float) -> None:
        """Sent, done there, and read back."""
        self.push()
        self.cycle(2, **passes)

    def shown(self, offer: str = "77") -> tuple[int, str]:
        return self.allegro.shown(offer)

    def sent(self) -> list[int]:
        """The quantities of the commands that Allegro accepted, oldest first."""
        return [row["change"]["value"] for row in self.allegro.commands()]


def shop_at(server: PartnerServer, client: AllegroRestClient, clock: Clock, **channel: Any) -> Shop:
    """A shop whose channel is on."""
    place = site()
    made = elsewhere(place, kind=ChannelKind.ALLEGRO_REST, token_id="", **channel)
    assert isinstance(server.partner, AllegroRest)
    return Shop(made, place, server, server.partner, client, clock)


def fresh(level: ListingLevel) -> ListingLevel:
    """The level as it is now."""
    return ListingLevel.objects.select_related("channel", "product").get(pk=level.pk)


def told(level: ListingLevel) -> list[tuple[int, int, str]]:
    """Version, quantity and status of its commands."""
    return list(LevelCommand.objects.filter(level=level).order_by("version").values_list("version", "quantity", "status"))


def open_ones(level: ListingLevel) -> list[Discrepancy]:
    return list(Discrepancy.objects.filter(level=level, resolved_at=None))
