"""Text from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models

from warehouse.core.errors import ValidationFailed


def storable(text: str) -> str:
    """The text with a mark for what PostgreSQL refuses to keep: NUL and halves of surrogate pairs, both of which JSON can carry.

    Marked, not dropped: what is spoilt must not be taken for something that exists.
    """
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def require_one_of(value: str, words: Sequence[str], *, field: str) -> None:
    """Raise ValidationFailed naming the field when the value is none of these words."""
    if value not in words:
        raise ValidationFailed(f"{field}: {value[:20]!r} is none of {', '.join(words)}.", errors=[{"field": field, "code": "invalid"}])


def require_lengths(model: type[models.Model], values: Mapping[str, Any], *, where: str = "") -> None:
    """Raise ValidationFailed naming every text among these values of the model's fields that is longer than its column: it is not cut."""
    errors = []
    for name, value in values.items():
        most = getattr(model._meta.get_field(name), "max_length", None) if isinstance(value, str) else None
        if most and len(value) > most:
            detail = f"The {name.replace('_', ' ')} may have {most} characters; this one has {len(value)}."
            errors.append({"field": f"{where}{name}", "code": "too_long", "most": most, "detail": detail})
    if errors:
        raise ValidationFailed(" ".join(str(error["detail"]) for error in errors), errors=errors)


def counted(number: int, one: str, many: str = "") -> str:
    """So many of them: 1 try, 2 tries."""
    return f"{number} {one if number == 1 else many or one + 's'}"
