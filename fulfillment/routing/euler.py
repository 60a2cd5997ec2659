"""From the edges of a walk to the walk itself."""

from __future__ import annotations

from collections.abc import Iterable

Point = tuple[int, int]  # x and y


def euler_walk(edges: Iterable[tuple[Point, Point, int]], start: Point, end: Point) -> list[Point]:
    """A walk from start to end over every edge (from, to, how often) as often as it says, by Hierholzer's way: walk until stuck, then put in the rounds
    that were left out. The edges hang together, and every point has an even number of them, but start and end where these differ."""
    left: dict[Point, dict[Point, int]] = {start: {}, end: {}}
    for a, b, count in edges:
        for one, other in ((a, b), (b, a)):
            row = left.setdefault(one, {})
            row[other] = row.get(other, 0) + count
    stack, walk = [end], []
    while stack:
        here = stack[-1]
        if not left[here]:
            walk.append(stack.pop())
            continue
        there = min(left[here])
        for one, other in ((here, there), (there, here)):
            left[one][other] -= 1
            if not left[one][other]:
                del left[one][other]
        stack.append(there)
    return walk
