"""A warehouse as walking sees it: parallel aisles, joined at their ends, and perhaps in the middle, by cross aisles.

All lengths are whole centimetres, so that lengths of walks can be compared exactly. x runs across the aisles, y along them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spot:
    """A point in an aisle: the number of the aisle (from 0, by x) and how far along it."""

    aisle: int
    y: int


@dataclass(frozen=True, slots=True)
class Pick(Spot):
    """A stop of a walk. `leg` orders by cold: stops of a lower leg come first where the walk keeps to that."""

    leg: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """`aisles`: the x of each, ascending. `cross_aisles`: the y of each, ascending: two make one block, three two blocks. `depot`: an x on the first cross
    aisle, where walks begin and end. Raises ValueError for what is no such warehouse."""

    aisles: tuple[int, ...]
    cross_aisles: tuple[int, ...]
    depot: int = 0

    def __post_init__(self) -> None:
        if not self.aisles or list(self.aisles) != sorted(set(self.aisles)):
            raise ValueError("aisles: give the x of each aisle, ascending, none twice.")
        if len(self.cross_aisles) not in (2, 3) or list(self.cross_aisles) != sorted(set(self.cross_aisles)):
            raise ValueError("cross_aisles: give the y of two or three cross aisles, ascending, none twice.")

    def check(self, spot: Spot) -> None:
        """Raise ValueError for a spot that lies in no aisle of this layout."""
        if not 0 <= spot.aisle < len(self.aisles):
            raise ValueError(f"aisle {spot.aisle}: this layout has the aisles 0 to {len(self.aisles) - 1}.")
        if not self.cross_aisles[0] <= spot.y <= self.cross_aisles[-1]:
            raise ValueError(f"y {spot.y}: the aisles reach from {self.cross_aisles[0]} to {self.cross_aisles[-1]}.")

    def distance(self, a: Spot | None, b: Spot | None) -> int:
        """The shortest way between two spots; None is the depot."""
        if a is not None and b is not None and a.aisle == b.aisle:
            return abs(a.y - b.y)
        (ax, ay), (bx, by) = self.point(a), self.point(b)
        return abs(ax - bx) + min(abs(ay - door) + abs(by - door) for door in self.cross_aisles)

    def point(self, spot: Spot | None) -> tuple[int, int]:
        """Its x and y; None is the depot."""
        return (self.depot, self.cross_aisles[0]) if spot is None else (self.aisles[spot.aisle], spot.y)


@dataclass(frozen=True, slots=True)
class Route:
    """A walk from the depot, or from where one stands, through all picks to the depot. `stops`: the numbers of the picks in walking order.

    `length` is what is walked, in centimetres; `path` the corners of it, for drawing.
    """

    method: str
    stops: tuple[int, ...]
    length: int
    path: tuple[tuple[int, int], ...]
