"""Inventory's addresses under `/api/v1/`."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from inventory.api.alerts import Alerts
from inventory.api.audits import AuditLines, Audits, CycleCounts
from inventory.api.availability import StockQuestions
from inventory.api.barcodes import Barcodes
from inventory.api.batches import Batches
from inventory.api.count_requests import CountRequests
from inventory.api.discounts import Discounts
from inventory.api.locations import Locations
from inventory.api.markdowns import MarkdownSteps
from inventory.api.mixed_batches import MixedBatches
from inventory.api.movements import Movements
from inventory.api.moving import StockMoves
from inventory.api.offline_sales import OfflineSales
from inventory.api.price_changes import PriceChanges
from inventory.api.products import Products
from inventory.api.receiving import Receivings
from inventory.api.reconciliation import Reconciliation
from inventory.api.reservations import Reservations
from inventory.api.returns import Returns
from inventory.api.scan import Scan
from inventory.api.seller import SellerMovements, SellerStock
from inventory.api.stock import LocationContents, ProductContents, Stocks
from inventory.api.storefronts import StorefrontProducts, Storefronts
from inventory.api.suppliers import Suppliers
from inventory.api.transfers import Transfers
from inventory.api.warehouses import Warehouses
from inventory.api.write_offs import Removals, WriteOffs

NUMBER = "[0-9]{1,18}"
SHOP = "seller/shops/(?P<shop>[^/]{1,60})/stock"


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
    router.register("discounts", Discounts, basename="discounts")
    router.register("markdown-steps", MarkdownSteps, basename="markdown-steps")
    router.register("price-changes", PriceChanges, basename="price-changes")
    router.register("alerts", Alerts, basename="alerts")
    router.register("batches", Batches, basename="batches")
    router.register("mixed-batches", MixedBatches, basename="mixed-batches")
    router.register("stock/cycle-counts", CycleCounts, basename="cycle-counts")
    router.register("stock", StockQuestions, basename="stock-questions")
    router.register("stock", StockMoves, basename="stock-moves")
    router.register("stock", Removals, basename="stock-removals")
    router.register("stock", Stocks, basename="stock")
    router.register("stock/reconcile", Reconciliation, basename="reconciliation")
    router.register("movements", Movements, basename="movements")
    router.register("receivings", Receivings, basename="receivings")
    router.register("transfers", Transfers, basename="transfers")
    router.register("returns", Returns, basename="returns")
    router.register("audits", Audits, basename="audits")
    router.register("count-requests", CountRequests, basename="count-requests")
    router.register("write-offs", WriteOffs, basename="write-offs")
    router.register(f"audits/(?P<audit>{NUMBER})/items", AuditLines, basename="audit-items")
    router.register("reservations", Reservations, basename="reservations")
    router.register("offline-sales", OfflineSales, basename="offline-sales")
    router.register("scan", Scan, basename="scan")
    router.register(SHOP, SellerStock, basename="seller-stock")
    router.register(f"{SHOP}/movements", SellerMovements, basename="seller-movements")
