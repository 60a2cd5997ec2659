"""Which boxes goods fit into: a plan, without a look at the database.

Three-dimensional packing is hard to do best; this does it well enough to save a packer from trying, and fast enough for a screen. Boxes are
opened by first fit decreasing (D. S. Johnson, "Near-optimal bin packing algorithms", 1973). Inside a box, blocks of equal pieces, each turned in one of the
six ways, are set into the corner of a free space (M. Eley, "Solving container loading problems by block arrangement", European Journal of Operational
Research 141, 2002), and what is left of that space is cut into three (J. A. George and D. F. Robinson, "A heuristic for packing boxes into a
container", Computers & Operations Research 7, 1980). Free spaces never overlap, so pieces never do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import permutations
from typing import NamedTuple

ZERO = Decimal(0)
# Beyond it nobody packs parcels, and a screen would wait.
MAX_PIECES = 2000


class Size(NamedTuple):
    """Length, width and height."""

    length: Decimal
    width: Decimal
    height: Decimal

    @property
    def volume(self) -> Decimal:
        return self.length * self.width * self.height

    @property
    def turned(self) -> list[Size]:
        """The ways to lay it, each once."""
        return [Size(*sides) for sides in sorted(set(permutations(self)), reverse=True)]


@dataclass(frozen=True, slots=True)
class Goods:
    """So many equal pieces. `key` is the caller's; `weight` is a piece's, in the boxes' unit, 0 where it does not count."""

    key: int
    size: Size
    count: int
    weight: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Box:
    """An empty box: inner sides, and how much it bears (None: whatever fits)."""

    key: int
    size: Size
    bears: Decimal | None = None


class Block(NamedTuple):
    """Equal pieces side by side, `pieces` of them in each direction, each `piece` large as it lies, from the corner `at`."""

    key: int
    at: Size
    piece: Size
    pieces: tuple[int, int, int]

    @property
    def total(self) -> int:
        across, along, up = self.pieces
        return across * along * up

    @property
    def size(self) -> Size:
        return Size(*(side * number for side, number in zip(self.piece, self.pieces, strict=True)))


@dataclass(slots=True)
class Filled:
    """A box with what is in it."""

    box: Box
    blocks: list[Block] = field(default_factory=list)

    @property
    def counts(self) -> dict[int, int]:
        """How many pieces of which goods, by key."""
        counts: dict[int, int] = {}
        for block in self.blocks:
            counts[block.key] = counts.get(block.key, 0) + block.total
        return counts


@dataclass(frozen=True, slots=True)
class Plan:
    """The boxes to take. `too_big` are the keys of goods that fit into no box, alone and empty."""

    boxes: list[Filled]
    too_big: list[int]


def suggest(goods: Sequence[Goods], boxes: Iterable[Box]) -> Plan:
    """The smallest box that holds everything; when none does, the fewest boxes found, then the smallest. The largest stands first.

    Goods that no box holds at all are named and left out. Raises ValueError for more than MAX_PIECES pieces.
    """
    if sum(each.count for each in goods) > MAX_PIECES:
        raise ValueError(f"More than {MAX_PIECES} pieces.")
    kept = sorted(boxes, key=lambda box: (box.size.volume, box.size, box.key))
    too_big = [each.key for each in goods if each.count and not any(_holds_one(box, each) for box in kept)]
    rest = [each for each in goods if each.count and each.key not in set(too_big)]
    if not rest:
        return Plan([], too_big)
    one = _smallest(rest, kept)
    if one is not None:
        return Plan([one], too_big)
    plans = [_with_many(rest, kept, largest) for largest in kept]
    best = min((plan for plan in plans if plan), key=lambda plan: (len(plan), sum(filled.box.size.volume for filled in plan)))
    return Plan(sorted(best, key=lambda filled: filled.box.size.volume, reverse=True), too_big)


def fill(box: Box, goods: Sequence[Goods]) -> tuple[Filled, list[Goods]]:
    """As many of the goods in the box as the heuristic gets in, the largest first; and what is left of them."""
    filled = Filled(box)
    spaces = [(Size(ZERO, ZERO, ZERO), box.size)]
    bears, left = box.bears, []
    for each in sorted(goods, key=lambda each: (each.size.volume, max(each.size), each.key), reverse=True):
        count = each.count
        while count:
            most = count if bears is None or not each.weight else min(count, int(bears // each.weight))
            found = _best_block(each, most, spaces) if most > 0 else None
            if found is None:
                break
            number, block = found
            corner, space = spaces.pop(number)
            spaces.extend(_cut(corner, space, block.size))
            filled.blocks.append(block)
            count -= block.total
            if bears is not None:
                bears -= block.total * each.weight
        if count:
            left.append(Goods(each.key, each.size, count, each.weight))
    return filled, left


def _holds_one(box: Box, goods: Goods) -> bool:
    fits = all(side <= room for side, room in zip(sorted(goods.size), sorted(box.size), strict=True))
    return fits and (box.bears is None or goods.weight <= box.bears)


def _smallest(goods: Sequence[Goods], boxes: Iterable[Box]) -> Filled | None:
    """The first of the boxes, smallest first, that holds all of it."""
    volume = sum((each.size.volume * each.count for each in goods), ZERO)
    weight = sum((each.weight * each.count for each in goods), ZERO)
    for box in boxes:
        if volume > box.size.volume or (box.bears is not None and weight > box.bears):
            continue
        filled, left = fill(box, goods)
        if not left:
            return filled
    return None


def _with_many(goods: Sequence[Goods], boxes: Sequence[Box], largest: Box) -> list[Filled]:
    """Fill boxes of this kind until the rest fits into one; each then shrinks to the smallest that holds the same. Empty when it does not work out."""
    taken: list[Filled] = []
    rest = list(goods)
    while rest:
        last = _smallest(rest, boxes)
        if last is not None:
            return [*taken, last]
        filled, left = fill(largest, rest)
        if not filled.blocks:
            # None of the rest fits into this kind: it goes where it fits.
            wider = next((box for box in boxes if fill(box, rest)[0].blocks), None)
            if wider is None:
                return []
            filled, left = fill(wider, rest)
        counts = filled.counts
        same = [Goods(each.key, each.size, counts[each.key], each.weight) for each in rest if counts.get(each.key)]
        taken.append(_smallest(same, boxes) or filled)
        rest = left
    return taken


def _best_block(goods: Goods, most: int, spaces: Sequence[tuple[Size, Size]]) -> tuple[int, Block] | None:
    """Where the most pieces go as one block, in the smallest space of those that take as many; the number of the space, and the block."""
    best: tuple[int, Block] | None = None
    best_rank: tuple[int, Decimal] | None = None
    for number, (corner, space) in enumerate(spaces):
        for piece in goods.size.turned:
            pieces = _grid(space, piece, most)
            count = pieces[0] * pieces[1] * pieces[2]
            if not count:
                continue
            rank = (count, -space.volume)
            if best_rank is None or rank > best_rank:
                best_rank, best = rank, (number, Block(goods.key, corner, piece, pieces))
    return best


def _grid(space: Size, piece: Size, most: int) -> tuple[int, int, int]:
    """How many pieces side by side, behind each other and on top of each other, of at most so many: full rows, full layers."""
    left, numbers = most, []
    for room, side in zip(space, piece, strict=True):
        number = min(int(room // side), left)
        numbers.append(number)
        left = left // number if number else 0
    across, along, up = numbers
    return across, along, up


def _cut(corner: Size, space: Size, block: Size) -> list[tuple[Size, Size]]:
    """What is left of a space beside, behind and above a block in its corner: of the six ways to cut it, the one that keeps the largest piece."""
    ways = []
    for order in permutations(range(3)):
        parts = []
        room = list(space)
        for axis in order:
            # A slice across the whole of what is left, beyond the block on this axis.
            at, size = list(corner), list(room)
            at[axis] += block[axis]
            size[axis] = space[axis] - block[axis]
            room[axis] = block[axis]
            if all(side > 0 for side in size):
                parts.append((Size(*at), Size(*size)))
        ways.append(parts)
    return max(ways, key=lambda parts: sorted((size.volume for _, size in parts), reverse=True))
