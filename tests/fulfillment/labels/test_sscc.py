"""SSCC: eighteen digits by GS1."""

from __future__ import annotations

import pytest

from fulfillment.labels.sscc import capacity, check_digit, is_sscc, scanned_sscc, spaced, sscc_of


@pytest.mark.parametrize(
    ("digits", "check"),
    # The worked example of the GS1 General Specifications, and numbers seen on pallets.
    [("37610425002123456", "9"), ("10614141192837465", "7"), ("00614141123456789", "0"), ("0" * 17, "0")],
)
def test_the_check_digit_is_that_of_gs1(digits, check):
    assert check_digit(digits) == check
    assert is_sscc(digits + check)
    assert not is_sscc(digits + str((int(check) + 1) % 10))


def test_the_serial_stands_behind_the_prefix_and_goes_on_in_the_extension_digit():
    assert sscc_of("4006381", 1)[:-1] == "0" + "4006381" + "000000001"
    assert sscc_of("4006381", 10**9 - 1)[:-1] == "0" + "4006381" + "999999999"
    assert sscc_of("4006381", 10**9)[:-1] == "1" + "4006381" + "000000000"
    assert len({sscc_of("200000000000", serial) for serial in range(5000)}) == 5000
    assert all(is_sscc(sscc_of("200000000000", serial)) for serial in range(200))


@pytest.mark.parametrize(("prefix", "serial"), [("2000000", 10**10), ("2000000", -1), ("123", 1), ("1234567890123", 1), ("12a4567", 1), ("", 1)])
def test_there_is_no_number_beyond_the_prefix(prefix, serial):
    with pytest.raises(ValueError, match=prefix or "''"):
        sscc_of(prefix, serial)


def test_how_many_and_how_it_is_read():
    assert capacity("2000000") == 10**10
    assert spaced(sscc_of("2000000", 7), "2000000") == "0 2000000 000000007 7"
    assert spaced(sscc_of("2000000", 7), "4006381") == "0 2000000000000007 7"


@pytest.mark.parametrize("text", ["", "12", "x" * 18, "١" * 18])
def test_what_is_none(text):
    assert not is_sscc(text)


@pytest.mark.parametrize("prefix", ["", "00", "(00)", "]C100", "\x1d00", "]C1\x1d00"])
def test_what_a_scanner_says(prefix):
    assert scanned_sscc(f"{prefix}376104250021234569") == "376104250021234569"
    assert scanned_sscc(f"{prefix}376104250021234560") == ""
    assert scanned_sscc(f"{prefix}37610425002123456") == ""
