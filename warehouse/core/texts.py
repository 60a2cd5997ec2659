"""Text from outside."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text without what PostgreSQL refuses to keep: NUL and halves of surrogate pairs, both of which JSON can carry."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()
