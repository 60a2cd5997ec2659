"""The two things every lock function does alike. The locks themselves stand in `<app>/locks.py`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from django.db import models

from warehouse.core.errors import NotFound, StaleVersion
from warehouse.core.transactions import require_transaction

M = TypeVar("M", bound=models.Model)


class HasVersion(Protocol):
    version: Any


def lock_rows(model: type[M], ids: Iterable[int]) -> dict[int, M]:
    """Lock the rows FOR NO KEY UPDATE in the order of their ids and return them by id.

    Raises NotFound naming the first id that does not exist.
    """
    require_transaction()
    wanted = sorted(set(ids))
    rows = model._default_manager.select_for_update(of=("self",), no_key=True).filter(pk__in=wanted).order_by("pk")
    found: dict[int, M] = {row.pk: row for row in rows}
    for pk in wanted:
        if pk not in found:
            raise NotFound(f"There is no {model._meta.verbose_name} {pk}.", kind=model._meta.model_name, id=pk)
    return found


def lock_row(model: type[M], pk: int, expected_version: int | None = None) -> M:
    """Lock one row as `lock_rows` does; with `expected_version` also judge, under the lock, that nobody changed it."""
    row = lock_rows(model, [pk])[pk]
    if expected_version is not None:
        check_version(row, expected_version)  # type: ignore[arg-type]
    return row


def check_version(row: HasVersion, expected: int) -> None:
    """Raise StaleVersion when the locked row is not the one that the caller has seen."""
    if row.version != expected:
        raise StaleVersion(
            f"This was changed meanwhile (version {row.version}, you have seen {expected}). Read it again and repeat.",
            version=row.version,
            expected=expected,
        )
