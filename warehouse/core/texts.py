"""Text from outside."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text with a mark for what PostgreSQL refuses to keep: NUL and halves of surrogate pairs, both of which JSON can carry.

    Marked, not dropped: what is spoilt must not be taken for something that exists.
    """
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
