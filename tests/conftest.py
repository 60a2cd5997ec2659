"""What every test may ask for: the real PostgreSQL and Valkey, emptied between tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import redis as redis_client
from django.conf import settings
from django.db import connection, connections
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker


def tables_with_rows() -> set[str]:
    tables = [name for name in connection.introspection.table_names() if name != "django_migrations"]
    query = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in tables)
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {name for (name,) in cursor.fetchall()}


def keep_autovacuum_away() -> None:
    """Keep autovacuum away. Between two tests it finds tables empty and says so to the planner, who then joins hundreds of uncommitted rows of the next test
    row by row, in every combination: once in a while a statement of milliseconds takes minutes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(format('ALTER TABLE %I SET (autovacuum_enabled = off)', tablename), '; ') FROM pg_tables WHERE schemaname = 'public'"
        )
        [[statements]] = cursor.fetchall()
        cursor.execute(statements)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """After a test that commits, delete its rows instead of truncating everything.

    It is quicker by two orders of magnitude and keeps what the migrations put in (roles, permissions). While archiving, no trigger of an
    append-only table refuses it, and it needs no superuser; foreign keys wait for the commit, so the order does not matter.
    """
    with django_db_blocker.unblock():
        keep_autovacuum_away()
        reference = tables_with_rows()

    def delete_rows(self: TransactionTestCase) -> None:
        deletes = "".join(f'DELETE FROM "{name}"; ' for name in sorted(tables_with_rows() - reference))
        if deletes:
            connection.connection.execute(f"BEGIN; SET LOCAL wms.archiving = 'on'; {deletes} COMMIT", prepare=False)

    TransactionTestCase._fixture_teardown = delete_rows


@pytest.fixture
def redis() -> Iterator[redis_client.Redis]:
    """The tests' own index of Valkey, empty before and after."""
    with redis_client.Redis.from_url(settings.REDIS_URL, decode_responses=True) as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture
def environment(transactional_db: None, redis: redis_client.Redis) -> dict[str, str]:
    """The environment of a process started by a test: it works on the test's database and Redis index."""
    database = connections["default"].settings_dict
    user = quote(database["USER"], safe="") + (f":{quote(database['PASSWORD'], safe='')}" if database["PASSWORD"] else "")
    url = f"postgres://{user}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    return os.environ | {"DATABASE_URL": url, "REDIS_URL": settings.REDIS_URL, "DJANGO_SETTINGS_MODULE": "warehouse.settings"}
