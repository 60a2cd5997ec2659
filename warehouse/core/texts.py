"""Text from outside."""

from __future__ import annotations

from collections.abc import Sequence

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


def counted(number: int, one: str, many: str = "") -> str:
    """So many of them: 1 try, 2 tries."""
    return f"{number} {one if number == 1 else many or one + 's'}"
