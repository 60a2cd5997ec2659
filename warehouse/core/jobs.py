"""What jobs that do many things have in common: each thing in a transaction of its own, so that one that is busy keeps no other waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from warehouse.core.errors import Conflict, NotFound

T = TypeVar("T")

logger = logging.getLogger(__name__)


def one_by_one(work: Callable[[T], int | None], things: Iterable[T], *, told: str) -> int:
    """Do the work on each thing; it opens its own transaction. What is busy, or gone meanwhile, is left to the next run, with a warning in which `told` says
    what was to be done. Returns the sum of what the work answered."""
    done = 0
    for thing in things:
        try:
            done += work(thing) or 0
        except (Conflict, NotFound) as error:
            logger.warning("left to the next run: %s (%.80s): %s", told, thing, error.detail)
    return done


def in_parts(things: Sequence[T], size: int) -> list[Sequence[T]]:
    """The things, so many at a time."""
    return [things[start : start + size] for start in range(0, len(things), size)]
