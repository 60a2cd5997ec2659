"""The backup that docs/deployment.md describes holds everything, and what is restored from it is protected as before."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection

from warehouse.outbox.models import OutboxEvent
from warehouse.servers import Postgres

CONTENTS = "SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM \"{}\" t"


@pytest.fixture
def restored_url(environment: dict[str, str]) -> Iterator[str]:
    """An empty database beside the test's own."""
    url = environment["DATABASE_URL"]
    name = f"{connection.settings_dict['NAME']}_restored"
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"DROP DATABASE IF EXISTS {name}")
        owner.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield f"{url.rsplit('/', 1)[0]}/{name}"
        owner.execute(f"DROP DATABASE {name} WITH (FORCE)")


def contents(url: str) -> dict[str, tuple[int, str]]:
    with psycopg.connect(url) as reader:
        tables = [name for (name,) in reader.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()]
        return {name: reader.execute(CONTENTS.format(name)).fetchone() or (0, "") for name in tables}


def test_backup_and_restore(environment: dict[str, str], restored_url: str, tmp_path: Path) -> None:
    url = environment["DATABASE_URL"]
    get_user_model().objects.create_user(username="zażółć", badge="B-7")
    for number in range(3):
        OutboxEvent.objects.create(type="stock.changed", aggregate_type="stock", aggregate_id=str(number), payload={"left": "0.125"}, actor="test")
    programs = Postgres(settings.LOCAL_DIR).binaries
    dump = tmp_path / "warehouse.dump"
    subprocess.run([programs / "pg_dump", "--format=custom", f"--file={dump}", url], check=True)
    subprocess.run([programs / "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={restored_url}", dump], check=True)

    original = contents(url)
    assert contents(restored_url) == original
    assert original["outbox_outboxevent"][0] == 3
    with psycopg.connect(restored_url) as restored:
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"), restored.transaction():
            restored.execute("DELETE FROM outbox_outboxevent")
        last = restored.execute("SELECT max(sequence) FROM outbox_outboxevent").fetchone()
        following = restored.execute("SELECT nextval(pg_get_serial_sequence('outbox_outboxevent', 'sequence'))").fetchone()
    assert last is not None
    assert following == (last[0] + 1,)
