"""Writing many rows that are there, each with its own values, in one statement."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models

# Of a column's type: a cast to a length would cut.
_LENGTH = re.compile(r"\(.*\)")


def write_columns(model: type[models.Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write these fields (another row's by its id, such as `batch_id`) into rows of the model that the caller has locked: each of `rows` is an id and the
    values in the order of the fields. One statement, none when there is nothing to write.

    The text of the statement and its planning do not grow with the rows, as those of `bulk_update` do.
    """
    values = list(rows)
    if not values:
        return
    known = {field.attname: field for field in model._meta.concrete_fields}
    names = [str(known[name].column) for name in fields]
    kinds = [_LENGTH.sub("", known[name].db_type(connection) or "") for name in fields]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} AS old SET ({', '.join(names)}) = ROW({', '.join(f'new.{name}' for name in names)}) "
            f"FROM unnest(%s::bigint[], {', '.join(f'%s::{kind}[]' for kind in kinds)}) AS new (id, {', '.join(names)}) WHERE old.id = new.id",
            [list(column) for column in zip(*values, strict=True)],
        )
