"""Jobs that do many things: one that is busy keeps no other waiting."""

from __future__ import annotations

import pytest

from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.jobs import in_parts, one_by_one


def test_what_is_busy_or_gone_is_left_to_the_next_run(caplog: pytest.LogCaptureFixture) -> None:
    def work(thing: int) -> int | None:
        if thing == 2:
            raise Conflict("Somebody works on it.")
        if thing == 3:
            raise NotFound("It is gone.")
        return thing if thing < 5 else None

    assert one_by_one(work, [1, 2, 3, 4, 5], told="count a thing") == 5
    assert [record.getMessage() for record in caplog.records] == [
        "left to the next run: count a thing (2): Somebody works on it.",
        "left to the next run: count a thing (3): It is gone.",
    ]


def test_what_is_wrong_is_not_passed_over() -> None:
    def work(thing: int) -> None:
        raise ValidationFailed("Never.")

    with pytest.raises(ValidationFailed):
        one_by_one(work, [1], told="anything")


def test_parts() -> None:
    assert in_parts([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert in_parts([], 2) == []
