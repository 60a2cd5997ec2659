"""The menu of the back office: what the signed-in user may open, in groups."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from warehouse.core.access import READERS, may
from warehouse.core.actor import Actor
from warehouse.core.admin import actor_of
from warehouse.floor import WORK

Entry = tuple[str, str, str]

GROUPS: list[tuple[str, list[Entry]]] = [
    (
        "Work",
        [
            ("Orders", "receipt_long", "fulfillment.order"),
            ("Waves", "waves", "fulfillment.wave"),
            ("Picking", "directions_walk", "fulfillment.pickingtask"),
            ("Picking batches", "shopping_cart", "fulfillment.pickingbatch"),
            ("Quality checks", "verified", "fulfillment.qualitycheck"),
            ("Packing", "package_2", "fulfillment.packingtask"),
            ("Shipments", "local_shipping", "fulfillment.shipment"),
            ("Put-backs", "undo", "fulfillment.putback"),
            ("Disagreements", "sync_problem", "fulfillment.orderdisagreement"),
            ("Label prints", "label", "fulfillment.labelprint"),
        ],
    ),
    (
        "Marketplaces",
        [
            ("Queue", "cloud_upload", "stocksync.pendingstockoperation"),
            ("Discrepancies", "difference", "stocksync.discrepancy"),
            ("Channel orders", "receipt", "stocksync.channelorder"),
            ("Levels", "equalizer", "stocksync.listinglevel"),
            ("Log", "history", "stocksync.stocksynchronizationlog"),
            ("Reports", "monitoring", "stocksync.syncreport"),
            ("Channels", "hub", "stocksync.channel"),
        ],
    ),
    (
        "Documents",
        [
            ("Receivings", "move_to_inbox", "inventory.receiving"),
            ("Transfers", "local_shipping", "inventory.transfer"),
            ("Write-offs", "delete_sweep", "inventory.writeoff"),
            ("Returns", "assignment_return", "inventory.return"),
            ("Audits", "fact_check", "inventory.audit"),
            ("To be counted", "pin_drop", "inventory.countrequest"),
            ("Till sales", "point_of_sale", "inventory.offlinesale"),
        ],
    ),
    (
        "Stock",
        [
            ("Stock", "inventory_2", "inventory.stock"),
            ("Alerts", "notifications", "inventory.alert"),
            ("Places' contents", "shelves", "inventory.batchlocation"),
            ("Batches", "qr_code_2", "inventory.batch"),
            ("Mixed batches", "blender", "inventory.mixedbatch"),
            ("Movements", "swap_horiz", "inventory.movement"),
            ("Reservations", "bookmark", "inventory.reservation"),
        ],
    ),
    (
        "Catalogue",
        [
            ("Products", "grocery", "inventory.product"),
            ("Warehouses", "warehouse", "inventory.warehouse"),
            ("Locations", "location_on", "inventory.location"),
            ("Suppliers", "agriculture", "inventory.supplier"),
            ("Storefronts", "storefront", "inventory.storefront"),
            ("Listings", "sell", "inventory.storefrontproduct"),
            ("Discounts", "percent", "inventory.discount"),
            ("Markdown steps", "trending_down", "inventory.markdownstep"),
            ("Price history", "price_change", "inventory.pricechange"),
            ("Sellers", "groups", "inventory.seller"),
            ("Boxes", "package", "fulfillment.boxtype"),
            ("Printers", "print", "fulfillment.printer"),
            ("Carriers", "delivery_truck_speed", "fulfillment.deliveryprovider"),
            ("Quality rules", "rule", "fulfillment.qualityrule"),
            ("Walks", "route", "fulfillment.walksettings"),
        ],
    ),
    (
        "System",
        [
            ("People", "person", "accounts.user"),
            ("Tokens", "key", "knox.authtoken"),
            ("Locked out", "lock_person", "axes.accessattempt"),
            ("Events", "outbox", "outbox.outboxevent"),
            ("Subscriptions", "subscriptions", "outbox.subscription"),
            ("Stream entries", "inbox", "outbox.inboxentry"),
            ("Idempotency keys", "fingerprint", "outbox.idempotencykey"),
            ("Periodic tasks", "schedule", "django_celery_beat.periodictask"),
        ],
    ),
]


def icon(request: HttpRequest) -> str:
    return static("icon.svg")


def back_office_style(request: HttpRequest) -> str:
    return static("css/back_office.css")


def back_office_script(request: HttpRequest) -> str:
    return static("js/back_office.js")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation. A group without anything to open is left out."""
    actor = actor_of(request)
    first = [{"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}]
    if actor.roles & READERS:
        first.append({"title": "Live", "icon": "sensors", "link": reverse("live")})
    if may(actor, "view", "fulfillment.walksettings"):
        first.append({"title": "Map", "icon": "map", "link": reverse("admin:fulfillment_map")})
    groups: list[dict[str, Any]] = [{"title": "", "items": first}]
    groups += [{"title": title, "separator": True, "items": _entries(actor, entries)} for title, entries in GROUPS]
    groups.append({"title": "Floor", "separator": True, "items": _screens(actor)})
    return [group for group in groups if group["items"]]


def _entries(actor: Actor, entries: list[Entry]) -> list[dict[str, Any]]:
    return [
        {"title": title, "icon": icon, "link": reverse(f"admin:{label.replace('.', '_')}_changelist")}
        for title, icon, label in entries
        if may(actor, "view", label)
    ]


def _screens(actor: Actor) -> list[dict[str, Any]]:
    return [{"title": kind.name, "icon": "barcode_scanner", "link": reverse(kind.url)} for kind in WORK if kind.permission.allowed(actor)]
