"""Reading a list that has only offsets, and shifts while it is read, without losing an order. No HTTP here: what to ask next, and what an answer means.

An order that changes takes another place in a list of changes; the ones behind it move up, over the edge of a page that was read already. So a list is not paged
through: it is cut into stretches of time, each so short that one answer holds all of it, in whatever order. An order that leaves a stretch meanwhile has
changed just now and stands in a later one. Only where a stretch can't be cut any more (many orders changed within two seconds) offsets are used; then the
list's own count tells how many have left, and the next page begins so much earlier, and a few rows more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from warehouse.core.partners.errors import ContractBroken

# The shortest stretch, and how much two neighbours have in common: whoever cuts moments to whole seconds loses nothing.
SHORTEST = timedelta(seconds=2)
SHARED = timedelta(seconds=1)
LONGEST = timedelta(days=366)
# Rows of the page before that are read again where offsets are used.
ROWS_AGAIN = 10


@dataclass(frozen=True, slots=True)
class Sweep:
    """How far a list was read. `until` is its end, None for one that grows meanwhile: its last stretch is open.

    The next stretch begins at `start` and lasts `width`; not `closed`: it lasts to the end of the list. `offset` rows of it were read, of `total` at that time.
    """

    began: datetime
    start: datetime
    until: datetime | None
    width: timedelta
    closed: bool = False
    offset: int = 0
    total: int = 0

    @classmethod
    def begin(cls, since: datetime, until: datetime | None, now: datetime) -> Sweep:
        """A sweep of all changes from `since` on."""
        return cls(now, since, until, max((until or now) - since, SHORTEST))

    @property
    def end(self) -> datetime | None:
        """Where the stretch to ask for ends; None: nowhere."""
        return self.start + self.width if self.closed else self.until

    def after(self, count: int, total: int, limit: int, now: datetime) -> tuple[bool, Sweep | None]:
        """What an answer of `count` rows, out of `total` in the stretch, means: whether its rows count, and how to go on; None at the end of the list.

        Raises ContractBroken for an answer without rows that says there are some.
        """
        if total < self.total and self.offset:
            return False, replace(self, offset=max(0, self.offset - (self.total - total)), total=total)
        if not count and total > self.offset:
            raise ContractBroken(f"there are no orders at {self.offset}, though there are {total}")
        if self.offset + count >= total:
            return True, self._next(count, limit, now) if self.closed else None
        if not self.offset and (shorter := self._shorter(now)):
            return False, shorter
        return True, replace(self, offset=self.offset + max(count - ROWS_AGAIN, 1), total=total)

    def _shorter(self, now: datetime) -> Sweep | None:
        """The first half of the stretch; None when it is too short for that. An open one gets an end first."""
        length = self.width if self.closed else (self.until or now) - self.start
        if length > SHORTEST:
            return replace(self, width=max(min(self.width, length / 2), SHORTEST), closed=True)
        return None if self.closed or self.until else replace(self, closed=True)

    def _next(self, count: int, limit: int, now: datetime) -> Sweep:
        """The stretch behind this one, longer when this one was half empty."""
        start = self.start + self.width - SHARED
        sparse = not self.offset and 2 * count <= limit
        width = min(2 * self.width, LONGEST) if sparse else self.width
        return replace(self, start=start, width=width, closed=start + width < (self.until or now), offset=0, total=0)

    def as_text(self) -> str:
        """The sweep in less than 200 characters, for `from_text`."""
        moments = (moment.astimezone(UTC).isoformat() if moment else "" for moment in (self.began, self.start, self.until))
        return ";".join([*moments, str(self.width.total_seconds()), str(int(self.closed)), str(self.offset), str(self.total)])

    @classmethod
    def from_text(cls, text: str) -> Sweep | None:
        """The sweep that was written down; None for anything else."""
        try:
            began, start, until, width, closed, offset, total = text.split(";")
            return cls(
                datetime.fromisoformat(began),
                datetime.fromisoformat(start),
                datetime.fromisoformat(until) if until else None,
                timedelta(seconds=float(width)),
                closed == "1",
                int(offset),
                int(total),
            )
        except (ValueError, OverflowError):
            return None
