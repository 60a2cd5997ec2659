"""Code 128: a published example, and that every text reads back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.core import code128


def read(modules: str) -> str:
    """A reader of code set B that knows nothing of how it was written."""
    by_pattern = {"".join(("1", "0")[n % 2] * int(width) for n, width in enumerate(widths)): value for value, widths in enumerate(code128._WIDTHS)}
    assert modules.endswith("1100011101011")
    values = [by_pattern[modules[n : n + 11]] for n in range(0, len(modules) - 13, 11)]
    *body, check = values
    assert check == (body[0] + sum(n * value for n, value in enumerate(body))) % 103
    assert body[0] == 104
    return "".join(chr(value + 32) for value in body[1:])


def test_the_example_of_the_standard_work() -> None:
    # "PJJ123C" in code set B has the check value 55 (Wikipedia, "Code 128", worked with start B).
    assert code128.values_of("PJJ123C")[1:-1] == [48, 42, 42, 17, 18, 19, 35]
    assert len(code128._WIDTHS) == len(set(code128._WIDTHS)) == 106
    assert {sum(map(int, widths)) for widths in code128._WIDTHS} == {11}


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40))
def test_what_is_written_reads_back(text: str) -> None:
    assert read(code128.modules_of(text)) == text


@pytest.mark.parametrize("text", ["", "Ж-1", "a\nb"])
def test_what_it_cannot_say_is_no_picture(text: str) -> None:
    with pytest.raises(ValueError):
        code128.modules_of(text)
    assert code128.svg(text) == ""


def test_a_picture_says_its_text_safely() -> None:
    assert 'aria-label="&lt;A&gt;"' in code128.svg("<A>")
