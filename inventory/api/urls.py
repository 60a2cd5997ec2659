"""Inventory's addresses under `/api/v1/`."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from inventory.api.availability import StockQuestions
from inventory.api.barcodes import Barcodes
from inventory.api.batches import Batches
from inventory.api.locations import Locations
from inventory.api.movements import Movements
from inventory.api.products import Products
from inventory.api.receiving import Receivings
from inventory.api.reservations import Reservations
from inventory.api.returns import Returns
from inventory.api.scan import Scan
from inventory.api.stock import LocationContents, ProductContents, Stocks
from inventory.api.storefronts import StorefrontProducts, Storefronts
from inventory.api.suppliers import Suppliers
from inventory.api.warehouses import Warehouses

NUMBER = "[0-9]{1,18}"


def register(router: SimpleRouter) -> None:
    """Give every resource its address."""
    router.register("products", Products, basename="products")
    router.register(f"products/(?P<product>{NUMBER})/stock", ProductContents, basename="product-stock")
    router.register("barcodes", Barcodes, basename="barcodes")
    router.register("warehouses", Warehouses, basename="warehouses")
    router.register("locations", Locations, basename="locations")
    router.register(f"locations/(?P<location>{NUMBER})/stock", LocationContents, basename="location-stock")
    router.register("suppliers", Suppliers, basename="suppliers")
    router.register("storefronts", Storefronts, basename="storefronts")
    router.register("storefront-products", StorefrontProducts, basename="storefront-products")
    router.register("batches", Batches, basename="batches")
    router.register("stock", StockQuestions, basename="stock-questions")
    router.register("stock", Stocks, basename="stock")
    router.register("movements", Movements, basename="movements")
    router.register("receivings", Receivings, basename="receivings")
    router.register("returns", Returns, basename="returns")
    router.register("reservations", Reservations, basename="reservations")
    router.register("scan", Scan, basename="scan")
