"""From centimetres in the hall to the units of a picture.

Across and along are stretched apart from each other, within limits: a map is to be read, on a phone too, not to be measured. The front of the hall is below.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from fulfillment.routing.layout import Layout

# How much farther one direction may be stretched than the other.
STRETCH = 4.0
# Units for a centimetre at most: one shelf is not to fill a picture.
LARGEST = 0.9
SIDE, ABOVE = 14.0, 34.0


@dataclass(frozen=True, slots=True)
class Frame:
    """The width of a picture, and how high the hall in it may become, in units; text has the same size in all of them."""

    width: float
    hall: float


PHONE, DESK = Frame(360, 340), Frame(1100, 560)


@dataclass(frozen=True, slots=True)
class Scale:
    """What of the hall is seen, in centimetres, and how many units of the picture a centimetre is. `gap` is the usual way from aisle to aisle, in units."""

    frame: Frame
    left: float
    right: float
    front: float
    back: float
    across: float
    along: float
    gap: float

    def x(self, value: float) -> float:
        """From the left of the picture; what is seen stands in its middle."""
        return (self.frame.width - (self.right - self.left) * self.across) / 2 + (value - self.left) * self.across

    def y(self, value: float) -> float:
        """From the top of the picture. The outer cross aisles lie a little outside of the hall: shelves reach up to where they are said to be."""
        outside = self.lane / 2 + 1
        return ABOVE + self.lane + (self.back - value) * self.along + (outside if value <= self.front else -outside if value >= self.back else 0)

    @property
    def bottom(self) -> float:
        """Where the front of the hall lies."""
        return self.y(self.front)

    @property
    def lane(self) -> float:
        """How broad a way is drawn."""
        return min(max(self.gap * 0.32, 3.0), 24.0)

    @property
    def line(self) -> float:
        """How broad the line of a walk is drawn."""
        return min(max(self.lane * 0.25, 1.4), 3.0)

    def shows(self, x: float) -> bool:
        """Whether an x lies in what is seen."""
        return self.left <= x <= self.right


def scale_for(layout: Layout, frame: Frame, *, spacing: int, around: Iterable[int] = ()) -> Scale:
    """The scale for a whole hall, or for the x `around` which one walks. `spacing`: the way from aisle to aisle where there is one aisle only."""
    gap = usual_step(layout.aisles) or spacing
    wanted = [*around] or [*layout.aisles, layout.depot]
    left, right = min(wanted) - 0.5 * gap, max(wanted) + 0.9 * gap
    front, back = layout.cross_aisles[0], layout.cross_aisles[-1]
    across = min((frame.width - 2 * SIDE) / (right - left), LARGEST)
    along = min(frame.hall / (back - front), LARGEST)
    across, along = min(across, along * STRETCH), min(along, across * STRETCH)
    return Scale(frame, left, right, front, back, across, along, gap * across)


def usual_step(values: Sequence[int]) -> int:
    """The median way from one of these ascending values to the next; 0 for less than two."""
    steps = [b - a for a, b in pairwise(values)]
    return round(median(steps)) if steps else 0
