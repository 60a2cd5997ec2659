"""What a page about an error leaves out."""

from __future__ import annotations

from django.conf import LazySettings
from django.test import RequestFactory
from django.views.debug import get_exception_reporter_filter

SECRET = "tgram://123456:token/42"


def test_addresses_are_hidden(settings: LazySettings) -> None:
    settings.ALERT_URLS = [SECRET]
    settings.DATABASE_URL = "postgres://user:password@host/name"
    shown = get_exception_reporter_filter(RequestFactory().get("/")).get_safe_settings()
    assert (shown["ALERT_URLS"], shown["DATABASE_URL"]) == ("********************",) * 2
    assert (shown["METRICS_TOKEN"], shown["USE_TZ"]) == ("********************", True)
