"""What the operations of the catalogue share: a row is made, changed or taken out by its id and values. Called within their transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db import IntegrityError, models, transaction

from inventory.locks import lock_catalogue_row
from warehouse.core.documents import Versioned
from warehouse.core.errors import Conflict, StaleVersion

M = TypeVar("M", bound=models.Model)

# Values by field; a row that is named by another goes by its id (`seller_id`).
Values = Mapping[str, Any]
# Whether the locked row is still what the caller has read; None when the caller does not mind.
Same = Callable[[Any], bool] | None


def create_row(model: type[M], values: Values) -> M:
    """Add a row. Raises Conflict when somebody was faster with the same code, or what it names is gone."""
    row = model(**values)
    _save(row, new=True)
    return row


def change_row(model: type[M], pk: int, values: Values, same: Same = None, expected_version: int | None = None) -> M:
    """Lock the row and set the values. Raises NotFound, StaleVersion, Conflict."""
    row = lock_catalogue_row(model, pk, expected_version)
    require_same(row, same)
    return set_values(row, values)


def require_same(row: models.Model, same: Same) -> None:
    """Raise StaleVersion when the locked row is not the one that the caller has read."""
    if same is not None and not same(row):
        raise StaleVersion("This was changed meanwhile. Read it again and repeat.")


def set_values(row: M, values: Values) -> M:
    """Write the values to a locked row. Raises Conflict as `create_row` does."""
    for name, value in values.items():
        setattr(row, name, value)
    if isinstance(row, Versioned):
        row.version += 1
    _save(row)
    return row


def delete_row(model: type[M], pk: int) -> None:
    """Lock the row and take it out. Raises NotFound, and Conflict when something depends on it."""
    row = lock_catalogue_row(model, pk)
    try:
        row.delete()
    except models.ProtectedError as error:
        raise Conflict(f"{row} is in use.", kind=model._meta.model_name, id=pk) from error


def require_free_code(code: str, taken: Mapping[str, str], field: str) -> None:
    """Raise Conflict when a scanner would read the code as something else already (`inventory.queries.codes`)."""
    what = taken.get(code.upper())
    if what:
        detail = f"{code!r} is {what}: one code can't be two things. Choose another."
        raise Conflict(detail, errors=[{"field": field, "code": "taken", "detail": detail}], taken=what)


def _save(row: models.Model, *, new: bool = False) -> None:
    try:
        # A savepoint, so that a back office page that joins in can still say what was wrong.
        with transaction.atomic():
            row.save(force_insert=new)
    except IntegrityError as error:
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""
        said = {constraint.name: constraint.get_violation_error_message() for constraint in row._meta.constraints}
        raise Conflict(str(said.get(name, "Another one is called the same, or what it names was removed meanwhile.")), constraint=name) from error
