"""Every address of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from warehouse.health import healthz, readyz
from warehouse.metrics import metrics

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]
