"""The Allegro microservice: it has the orders of many accounts and keeps for each whether its stock was deducted."""

from stocksync.marketplaces.microservice.client import MicroserviceClient

__all__ = ["MicroserviceClient"]
