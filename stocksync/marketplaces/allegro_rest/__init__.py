"""The marketplace Allegro, spoken to through its own REST API."""

from stocksync.marketplaces.allegro_rest.client import AllegroRestClient

__all__ = ["AllegroRestClient"]
