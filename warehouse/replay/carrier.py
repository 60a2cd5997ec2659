"""Somebody must make the waybills while orders are replayed."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from warehouse.core.errors import Unavailable

# Ends the servers when its standard input ends, which happens however this process does.
_WITH_US = '"$0" -m tests.partners >&2 & server=$!; cat >/dev/null; kill $server'


@contextlib.contextmanager
def carrier(say: Callable[[str], object]) -> Iterator[None]:
    """Make sure that the delivery service answers. Where none is configured and none runs, the small one of the tests runs for this while.

    Raises Unavailable when nobody answers.
    """
    if _answers():
        yield
        return
    if os.environ.get("DELIVERY_URL") or not Path(settings.BASE_DIR, "tests", "partners").is_dir():
        raise Unavailable(f"The delivery service does not answer at {settings.DELIVERY_URL}. Start it, or set DELIVERY_URL.")
    say(f"Nobody answers at {settings.DELIVERY_URL}: the small partner servers run as long as this command does.")
    played = {
        "DELIVERY_PORT": settings.DELIVERY_URL,
        "ORDER_SYSTEM_PORT": settings.ORDER_SYSTEM_URL,
        "ALLEGRO_MICROSERVICE_PORT": settings.ALLEGRO_MICROSERVICE_BASE_URL,
        "ALLEGRO_REST_PORT": settings.ALLEGRO_REST_BASE_URL,
    }
    with subprocess.Popen(
        ["/bin/sh", "-c", _WITH_US, sys.executable],
        cwd=settings.BASE_DIR,
        env=os.environ | {name: str(_address(url)[1]) for name, url in played.items()},
        stdin=subprocess.PIPE,
        start_new_session=True,
    ) as servers:
        try:
            for _ in range(100):
                if _answers():
                    break
                time.sleep(0.1)
            else:
                raise Unavailable(f"The partner servers did not start: is another program on the port of {settings.DELIVERY_URL}?")
            yield
        finally:
            assert servers.stdin is not None
            servers.stdin.close()


def _answers() -> bool:
    try:
        with socket.create_connection(_address(settings.DELIVERY_URL), timeout=3):
            return True
    except OSError:
        return False


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
