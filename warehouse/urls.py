"""Every address of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from fulfillment.admin.live import board
from warehouse.api import handler404, handler500
from warehouse.floor import landing
from warehouse.health import healthz, readyz
from warehouse.metrics import metrics

__all__ = ["handler404", "handler500", "urlpatterns"]

urlpatterns = [
    path("", landing, name="landing"),
    path("floor/", include(("warehouse.floor", "floor"))),
    path("admin/live/", admin.site.admin_view(board), name="live"),
    path("admin/", admin.site.urls),
    path("api/", include("warehouse.api")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]
