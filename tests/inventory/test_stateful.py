"""Random days beside a shadow of them (`days`, `shadow`)."""

from __future__ import annotations

import pytest

from tests.inventory.days import run

pytestmark = pytest.mark.django_db


def test_a_few_random_days() -> None:
    run(max_examples=12, stateful_step_count=25, derandomize=True)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_random_days() -> None:
    run(max_examples=500, stateful_step_count=40)
