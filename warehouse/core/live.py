"""Where browsers and programs find the event stream, which a process of its own serves."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from warehouse.core.actor import Role

# Who reads the feed of events, and so its stream, besides programs.
LISTENERS = frozenset({Role.MANAGER, Role.VIEWER})
STREAM_PATH = "/api/v1/events/stream"


def stream_url(request: HttpRequest) -> str:
    """The address of the stream for whoever asked this: by the setting LIVE_URL, which is empty where the proxy leads the path to the process `live`,
    a port (`:8001`) of the same host, or an origin (`https://live.example`)."""
    if settings.LIVE_URL.startswith(":"):
        return f"{request.scheme}://{hostname(request.get_host())}{settings.LIVE_URL}{STREAM_PATH}"
    return f"{settings.LIVE_URL.rstrip('/')}{STREAM_PATH}"


def hostname(host: str) -> str:
    """A Host header without its port; the brackets of an IPv6 address stay."""
    return host if host.endswith("]") else host.rpartition(":")[0] or host
