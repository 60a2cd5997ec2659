"""Rows that lie otherwise than they were written."""

from __future__ import annotations

from django.db import connection, models
from django.db.models import F


def turned_around(*tables: type[models.Model]) -> None:
    """Write every row of these tables anew, the last one first, and let nothing but the tables themselves be read: whoever asks for no order gets another."""
    assert connection.in_atomic_block, "outside of a transaction nothing is set for its length"
    for table in tables:
        rows = table._default_manager.order_by("-pk").values_list("pk", flat=True)
        assert len(rows) > 1, table
        for pk in list(rows):
            table._default_manager.filter(pk=pk).update(**{(name := table._meta.pk.attname): F(name)})
    with connection.cursor() as cursor:
        for way in ("indexscan", "indexonlyscan", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
