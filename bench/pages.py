"""Lists and pages of the big tables, of the back office and of the API, through all of the middleware, as a manager sees them.

No floor: what a page shows is chosen by its own statements, and beside them nothing is left that one could compare with.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client, override_settings
from knox.models import AuthToken
from rest_framework.test import APIClient

from bench.measure import Row, row, statements_of, timed
from bench.page_addresses import API_LISTS, admin_pages, api_pages, find_rows
from warehouse.core.actor import Role

MOST_STATEMENTS = 12
# The limit is for pages; the whole way of a lot is put together from everything that can happen to one.
PAGE, REPORT = "page ", "report "
CURSOR_PAGES = 3


def bench(seconds: int, products: int) -> list[Row]:
    """A row for each page: statements, and milliseconds of a page that was seen before. To reach: at most 12 statements, less than 300 ms."""
    print("pages: no floor, for a page is nothing but its own statements; to reach: at most 12 of them, less than 300 ms a page.", file=sys.stderr)
    user, _ = get_user_model().objects.get_or_create(username="bench-manager", defaults={"is_staff": True})
    user.groups.set([Group.objects.get(name=Role.MANAGER.value)])
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(user, "django.contrib.auth.backends.ModelBackend")
    program = APIClient(SERVER_NAME="localhost", HTTP_AUTHORIZATION=f"Bearer {AuthToken.objects.create(user)[1]}")
    logging.disable(logging.INFO)  # a line for each request
    try:
        with override_settings(API_RATE="1000000/min"):
            return list(_all_pages(browser, program, seconds))
    finally:
        logging.disable(logging.NOTSET)


def _all_pages(browser: Client, program: APIClient, seconds: int) -> Iterator[Row]:
    found = find_rows()
    for name, path in admin_pages(found):
        yield _measured(f"admin {name}", browser, f"/admin/{path}", seconds)
    for name, path in api_pages(found):
        yield _measured(f"api {name}", program, f"/api/v1/{path}", seconds)
    for name in API_LISTS:
        yield _measured(f"api {name}, cursor page {CURSOR_PAGES}", program, _later(program, f"/api/v1/{name}"), seconds)
    for name, goods in (("busy", found.busy), ("quiet", found.quiet)):
        yield _measured(f"admin trace of {name} lot", browser, f"/admin/inventory/batch/{goods.batch_id}/trace/", seconds, REPORT)
        yield _measured(f"api trace of {name} lot", program, f"/api/v1/batches/{goods.batch_id}/trace", seconds, REPORT)


def too_long(rows: Iterable[Row]) -> list[str]:
    """Which pages take more statements than a page may."""
    return [row["case"] for row in rows if row["case"].startswith(PAGE) and row["statements"] > MOST_STATEMENTS]


def _later(client: APIClient, url: str) -> str:
    """The address of a later page, as one comes there: by `next`; the first one where there are not so many."""
    for _ in range(CURSOR_PAGES - 1):
        url = client.get(url).json()["next"] or url
    return url


def _measured(name: str, client: Client | APIClient, url: str, seconds: int, kind: str = PAGE) -> Row:
    def get() -> None:
        answer: Any = client.get(url)
        if answer.status_code != 200:
            raise RuntimeError(f"{url} answers with {answer.status_code} ({answer.headers.get('Location', '')}).")

    get()  # templates are read now
    statements = statements_of(get)
    latencies: list[float] = []
    end = time.perf_counter() + seconds / 20
    while not latencies or time.perf_counter() < end:
        latencies.append(timed(get))
    return row(f"{kind}{name}", 1, 1000 * len(latencies) / sum(latencies), latencies, None, statements)
