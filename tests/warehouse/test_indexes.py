"""Indexes cost every write: none is kept beside one that begins with the same columns, and what lost its own is led by another."""

from __future__ import annotations

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db

OURS = ("inventory", "fulfillment", "stocksync", "outbox", "accounts")
_WHOLE = """
    SELECT t.relname, i.relname, array_agg(coalesce(a.attname, '(expression)') ORDER BY k.n), x.indisunique
    FROM pg_index x
    JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_am ON pg_am.oid = i.relam AND pg_am.amname = 'btree'
    JOIN pg_namespace s ON s.oid = t.relnamespace AND s.nspname = 'public'
    CROSS JOIN LATERAL unnest(x.indkey::int[], x.indclass::bigint[]) WITH ORDINALITY AS k (attnum, opclass, n)
    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum AND k.attnum > 0
    WHERE x.indpred IS NULL
    GROUP BY 1, 2, 4
"""


@pytest.fixture
def whole() -> dict[str, dict[str, tuple[list[str], bool]]]:
    """The columns of every index without a condition, and whether it is unique, by table and name."""
    result: dict[str, dict[str, tuple[list[str], bool]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_WHOLE)
        for table, name, columns, unique in cursor.fetchall():
            if table.split("_")[0] in OURS:
                result.setdefault(table, {})[name] = columns, unique
    return result


def test_no_index_is_the_beginning_of_another(whole: dict[str, dict[str, tuple[list[str], bool]]]) -> None:
    models = {model._meta.db_table for model in connection.introspection.installed_models(list(whole)) if not model._meta.auto_created}
    needless = [
        f"{name} of {table}: {other} begins with it"
        for table, indexes in whole.items()
        if table in models
        for name, (columns, unique) in indexes.items()
        for other, (longer, _) in indexes.items()
        if not unique
        and name != other
        and "(expression)" not in columns
        and len(columns) < len(longer)
        and longer[: len(columns)] == columns
        # The pattern index beside that of a text serves LIKE.
        and not name.endswith("_like")
    ]
    assert needless == []


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("fulfillment_packingtaskitem", "task_id"),
        ("fulfillment_printer", "warehouse_id"),
        ("fulfillment_qualitycheckitem", "check_document_id"),
        ("inventory_alertmessage", "alert_id"),
        ("inventory_auditline", "audit_id"),
        ("inventory_batch", "product_id"),
        ("inventory_batchcomponent", "mixed_id"),
        ("inventory_discount", "storefront_product_id"),
        ("inventory_location", "warehouse_id"),
        ("inventory_markdownstep", "storefront_id"),
        ("inventory_offlinesale", "warehouse_id"),
        ("inventory_pricechange", "storefront_product_id"),
        ("inventory_shelflife", "product_id"),
        ("inventory_storefrontproduct", "product_id"),
        ("inventory_storefrontproduct", "storefront_id"),
    ],
)
def test_what_has_no_index_of_its_own_is_led_by_another(whole: dict[str, dict[str, tuple[list[str], bool]]], table: str, column: str) -> None:
    assert column in {columns[0] for columns, _ in whole[table].values()}
