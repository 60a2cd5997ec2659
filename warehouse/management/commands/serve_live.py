"""Serve the event streams: the process `live`."""

from __future__ import annotations

import argparse
import socket
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand

from warehouse.asgi import application
from warehouse.live.app import Live

GRACE_SECONDS = 5


class Server(uvicorn.Server):
    """Uvicorn, which waits for the answers in hand when it is told to stop: the streams, which have no end, are told first."""

    def __init__(self, config: uvicorn.Config, live: Live) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._live.stop()
        await super().shutdown(sockets)


class Command(BaseCommand):
    help = "Serve the event streams (/api/v1/events/stream), until SIGTERM."
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1", help="the address to listen at")
        parser.add_argument("--port", type=int, default=settings.LIVE_PORT, help="default: LIVE_PORT, or the site's port and one")

    def handle(self, *args: Any, bind: str, port: int, **options: Any) -> None:
        config = uvicorn.Config(
            application,
            host=bind,
            port=port,
            lifespan="on",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            # Whose X-Forwarded-For is believed the site itself decides.
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        Server(config, application).run()
