"""What 200 open event streams cost who picks: scans over REST and the screen of the walk, from the real web server, without streams, with them, and without again,
while events flow. And how long an event takes from its commit to all of the streams.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import requests
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore
from knox.models import AuthToken

from bench.measure import Row, row
from fulfillment.models import PickingTask
from fulfillment.services.orders import process_order_confirmed
from fulfillment.services.picking_tasks import assign_picking_task, start_picking_task
from warehouse.core.actor import Actor, Role

STREAMS, LISTENERS, PICKERS = 200, 20, 4
# A picker needs longer than this from scan to scan.
PAUSE_SECONDS = 0.1
LINES = 20
ACTOR = Actor.system("bench")
BACKEND = "django.contrib.auth.backends.ModelBackend"


class Picker:
    """One who scans: takes one piece of the next item of a walk that has more than any run can use up, and looks at the screen of the walk."""

    def __init__(self, number: int, products: int, site: str) -> None:
        self.site, self.count = site, 0
        user = _person(f"bench-picker-{number}", Role.PICKER)
        actor = Actor.of_user(user)
        lines = [{"sku": f"B{1 + (number * LINES + line) % products}", "quantity": 10_000} for line in range(LINES)]
        order = process_order_confirmed("bench", f"streams-{number}", lines, actor=ACTOR)
        self.task = PickingTask.objects.get(order=order)
        assign_picking_task(self.task.pk, user.pk, actor=ACTOR)
        start_picking_task(self.task.pk, actor=actor)
        self.items = list(self.task.items.select_related("product", "location"))
        self.api, self.browser = requests.Session(), requests.Session()
        self.api.headers["Authorization"] = f"Bearer {AuthToken.objects.create(user)[1]}"
        self.browser.cookies.set(settings.SESSION_COOKIE_NAME, _session(user, self.task.warehouse_id))

    def pick(self) -> None:
        self.count += 1
        item = self.items[self.count % len(self.items)]
        body = {"item": item.pk, "quantity": "1", "location_scan": item.location.barcode, "product_scan": item.product.sku}
        self.api.post(f"{self.site}/api/v1/picking-tasks/{self.task.pk}/pick", json=body, timeout=30).raise_for_status()

    def look(self) -> None:
        answer = self.browser.get(f"{self.site}/floor/pick/{self.task.pk}", timeout=30, allow_redirects=False)
        if answer.status_code != 200:
            raise RuntimeError(f"The pick screen answers {answer.status_code}, not the screen.")


def bench(seconds: int, products: int) -> list[Row]:
    """Two rows (scan, screen) for each of the three runs, and what the streams were given with its lag. Raises when an event was missing in one."""
    port = settings.PORT + 71
    pickers = [Picker(number, products, f"http://127.0.0.1:{port}") for number in range(PICKERS)]
    tokens = [str(AuthToken.objects.create(_person(f"bench-listener-{number}", Role.VIEWER))[1]) for number in range(LISTENERS)]
    rows: list[Row] = []
    with ExitStack() as running:
        for name in ("web", "live"):
            running.enter_context(_process([sys.executable, "-m", "warehouse.processes", "exec", name], PORT=str(port), LIVE_PORT=str(port + 1)))
        running.enter_context(_process([sys.executable, "-m", "bench.listeners", "publish"]))
        for each in (port, port + 1):
            _wait_for(f"http://127.0.0.1:{each}/healthz")
        _measured("warm", pickers, min(3, seconds))
        rows += _measured("no streams", pickers, seconds)
        with _process([sys.executable, "-m", "bench.listeners", str(port + 1), str(STREAMS), *tokens], stdout=subprocess.PIPE) as listening:
            assert listening.stdout is not None
            listening.stdout.readline()  # all are open
            rows += _measured(f"{STREAMS} streams", pickers, seconds)
            listening.terminate()
            heard = json.loads(listening.communicate()[0])
        rows += _measured("no streams again", pickers, seconds)
    if heard["gaps"] or not heard["events"]:
        raise RuntimeError(f"The streams were given {heard['events']} events, with {heard['gaps']} gaps.")
    rows.append(row("event, commit to each stream", STREAMS, heard["events"] / heard["seconds"], heard["lags"], None, 0))
    return rows


def _measured(when: str, pickers: list[Picker], seconds: int) -> list[Row]:
    scans: list[float] = []
    looks: list[float] = []

    def work(picker: Picker) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            scans.append(_timed(picker.pick))
            looks.append(_timed(picker.look))
            time.sleep(PAUSE_SECONDS)

    with ThreadPoolExecutor(len(pickers)) as threads:
        list(threads.map(work, pickers))
    return [
        row(f"{what}, {when}", len(pickers), len(found) / seconds, found, None, 0)
        for what, found in (("scan over REST", scans), ("pick screen", looks))
    ]


def _timed(call: Callable[[], None]) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1000


@contextmanager
def _process(command: list[str], stdout: int | None = None, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A process of the site on the bench's database; ended with the block."""
    given = {"API_RATE": "1000000/min", "LOG_LEVEL": "WARNING", "LIVE_MAX_STREAMS": str(STREAMS), **env}
    process = subprocess.Popen(command, env=os.environ | given, text=True, stdout=stdout or sys.stderr)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            requests.get(url, timeout=2).raise_for_status()
            return
        except requests.RequestException:
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer.")


def _person(name: str, role: Role) -> Any:
    user = get_user_model().objects.create_user(name)
    user.groups.set([Group.objects.get(name=role.value)])
    return user


def _session(user: Any, warehouse_id: int) -> str:
    session = SessionStore()
    session.update(
        {SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: BACKEND, HASH_SESSION_KEY: user.get_session_auth_hash(), "floor_warehouse": warehouse_id}
    )
    session.save()
    return str(session.session_key)
