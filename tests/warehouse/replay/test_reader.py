"""The reader of order histories: every kind of dirt that real files have."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pytest_django import Settings

from warehouse.replay.fields import names_day_first, read_number, read_time
from warehouse.replay.reader import BadRow, InvoiceKind, UnreadableFile, read_history

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
GOOD = "536365,85123A,HOLDER,6,2010-12-01 08:26,2.55,17850,United Kingdom"


def read(*lines: str, header: str = HEADER):
    return read_history("\n".join([header, *lines]).encode())


def only_bad(*lines: str) -> BadRow:
    history = read(*lines)
    assert history.invoices == []
    (bad,) = history.bad_rows
    return bad


def test_a_row():
    history = read(GOOD)
    (invoice,) = history.invoices
    (row,) = invoice.goods
    assert (row.number, row.invoice, row.code, row.description) == (2, "536365", "85123A", "HOLDER")
    assert (row.quantity, row.unit_price, row.customer, row.country) == (Decimal(6), Decimal("2.55"), "17850", "United Kingdom")
    assert row.invoiced_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert (history.bad_rows, history.lines) == ([], 1)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2.55", "2.55"),
        ("2,55", "2.55"),
        (" -6 ", "-6"),
        ("+3", "3"),
        ("−3", "-3"),
        ("1 234,50", "1234.50"),
        ("1\u00a0234,50", "1234.50"),
        ("1'234.50", "1234.50"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("1,234", "1.234"),
        (".5", "0.5"),
    ],
)
def test_numbers(text: str, number: str):
    assert read_number(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "-", "NaN", "Infinity", "1e30", "six", "6 pcs", "1..2", "1,2.3,4", "5.", "0x10", "٦x"])
def test_no_numbers(text: str):
    assert read_number(text) is None


@pytest.mark.parametrize(
    ("text", "day_first", "moment"),
    [
        ("2010-12-01 08:26", False, (2010, 12, 1, 8, 26)),
        ("2010-12-01T08:26:30Z", False, (2010, 12, 1, 8, 26, 30)),
        ("2010-12-01 08:26:30.125", False, (2010, 12, 1, 8, 26, 30)),
        ("2010/12/01", False, (2010, 12, 1)),
        ("01.12.2010 8:26", False, (2010, 12, 1, 8, 26)),
        ("01.12.10 8:26", False, (2010, 12, 1, 8, 26)),
        ("01-12-2010", False, (2010, 12, 1)),
        ("12/1/2010 8:26", False, (2010, 12, 1, 8, 26)),
        ("12/1/2010 8:26", True, (2010, 1, 12, 8, 26)),
        ("12/1/2010 8:26 PM", False, (2010, 12, 1, 20, 26)),
        ("12/1/2010 12:05 AM", False, (2010, 12, 1, 0, 5)),
    ],
)
def test_times(text: str, day_first: bool, moment: tuple[int, ...]):
    assert read_time(text, day_first=day_first) == datetime(*moment, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2010-13-01", "2010-02-30", "31/31/2010", "2010-12/01", "1.2.345", "12345.1.2010", "1/1/2010 13:00 PM"]
)
def test_no_times(text: str):
    assert read_time(text, day_first=False) is None


def test_one_date_decides_for_the_whole_file():
    assert names_day_first(["1/12/2010 8:26", "13/12/2010 8:26"])
    assert not names_day_first(["1/12/2010 8:26", "12/13/2010 8:26", "2010-12-31", "31.12.2010"])
    history = read("1,1,A,1,1/12/2010 8:26,1,,", "2,1,A,1,13/12/2010 8:26,1,,")
    assert [invoice.rows[0].invoiced_at.month for invoice in history.invoices] == [12, 12]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter: str):
    history = read(GOOD.replace(",", delimiter), header=HEADER.replace(",", delimiter))
    assert history.invoices[0].goods[0].unit_price == Decimal("2.55")


def test_semicolon_with_comma_decimals():
    history = read("536365;85123A;HOLDER, WHITE;6;01.12.2010 08:26;2,55;;", header=HEADER.replace(",", ";"))
    row = history.invoices[0].goods[0]
    assert (row.description, row.unit_price, row.customer) == ("HOLDER, WHITE", Decimal("2.55"), "")


def test_comma_decimals_in_quotes():
    assert read('536365,85123A,HOLDER,"6","2010-12-01","2,55",,').invoices[0].goods[0].unit_price == Decimal("2.55")


def test_columns_in_any_order_case_and_edition():
    history = read("United Kingdom,6,85123a,2.55,2010-12-01,536365,x", header='Country,QUANTITY,Stock Code,Price,"Invoice Date",Invoice,Extra')
    row = history.invoices[0].goods[0]
    assert (row.invoice, row.code, row.quantity, row.unit_price, row.description) == ("536365", "85123A", 6, Decimal("2.55"), "")


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + "\r\n1,1,CAFÉ £5,1,2010-12-01,1,,\r\n").encode(),
        b"\xef\xbb\xbf" + (HEADER + "\n1,1,CAFÉ £5,1,2010-12-01,1,,").encode(),
        (HEADER + "\n1,1,CAFÉ £5,1,2010-12-01,1,,").encode("cp1252"),
        (HEADER + "\n1,1,CAFÉ £5,1,2010-12-01,1,,").encode("utf-16"),
        (HEADER + "\r1,1,CAFÉ £5,1,2010-12-01,1,,\r").encode(),
    ],
)
def test_encodings_and_line_ends(content: bytes):
    assert read_history(content).invoices[0].rows[0].description == "CAFÉ £5"


def test_a_line_in_another_encoding_harms_no_other():
    content = f"{HEADER}\n1,1,CAFÉ,1,2010-12-01,1,,\n".encode() + "2,1,CAFÉ,1,2010-12-01,1,,\n".encode("cp1252")
    assert [invoice.rows[0].description for invoice in read_history(content).invoices] == ["CAFÉ", "CAFÉ"]


def test_kinds_of_invoices():
    history = read(
        "1,85123A,A,6,2010-12-01,1,,",
        "1,85123A,A,-1,2010-12-01,1,,",
        "c2,85123A,A,-6,2010-12-01,1,,",
        "C2,D,Discount,-1,2010-12-01,27.5,,",
        "3,85123A,damages,-6,2010-12-01,0,,",
        "4,POST,POSTAGE,1,2010-12-01,18,,",
        "5,85123A,FREE,1,2010-12-01,0,,",
    )
    kinds = {invoice.number: (invoice.kind, len(invoice.goods)) for invoice in history.invoices}
    assert kinds == {
        "1": (InvoiceKind.SALE, 1),
        "C2": (InvoiceKind.CANCELLATION, 0),
        "3": (InvoiceKind.ADJUSTMENT, 0),
        "4": (InvoiceKind.SALE, 0),
        "5": (InvoiceKind.SALE, 1),
    }


def test_a_line_may_have_as_much_as_an_order_may(settings: Settings):
    settings.MAX_LINE_QUANTITY = 5
    assert only_bad(GOOD).reason == "Quantity 6 is larger than 5"
    settings.MAX_LINE_QUANTITY = 2_000_000
    assert read(GOOD.replace(",6,", ",1000001,")).bad_rows == []


def test_same_code_twice_stays_two_lines_whatever_its_case():
    history = read("1,85123a,A,2,2010-12-01,1,,", "2,1,B,1,2010-12-01,1,,", "1,85123A,a,3,2010-12-01,2,,")
    assert [(row.code, row.quantity) for row in history.invoices[0].goods] == [("85123A", 2), ("85123A", 3)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("536365,85123A,A", "it has 3 fields, not 8"),
        (GOOD + ",one,more", "it has 10 fields, not 8"),
        (",85123A,A,6,2010-12-01,1,,", "InvoiceNo is empty"),
        ("1,,A,6,2010-12-01,1,,", "StockCode is empty"),
        (f"1,{'8' * 65},A,6,2010-12-01,1,,", "StockCode '88888888888888888888' can't be one"),
        ("1,8\x018,A,6,2010-12-01,1,,", "StockCode '8\\x018' can't be one"),
        ("1,88,A\x00,6,2010-12-01,1,,", "it has a character that can't be read"),
        ("1,88,A,,2010-12-01,1,,", "Quantity '' is not a number"),
        ("1,88,A,NaN,2010-12-01,1,,", "Quantity 'NaN' is not a number"),
        ("1,88,A,0,2010-12-01,1,,", "Quantity is 0"),
        ("1,88,A,1.5,2010-12-01,1,,", "Quantity 1.5 is not a whole number of pieces"),
        ('1,88,A,"1,000",2010-12-01,1,,', "Quantity '1,000' may be 1 or 1000"),
        ("1,88,A,12.000,2010-12-01,1,,", "Quantity '12.000' may be 12 or 12000"),
        ('C1,88,A,"-1,000",2010-12-01,1,,', "Quantity '-1,000' may be -1 or -1000"),
        ("1,88,A,1000001,2010-12-01,1,,", "Quantity 1000001 is larger than 1000000"),
        ("1,88,A,6,2010-12-01,free,,", "UnitPrice 'free' is not a number"),
        ("1,88,A,6,2010-12-01,-1,,", "UnitPrice -1 can't be the price of goods"),
        ("1,88,A,6,soon,1,,", "InvoiceDate 'soon' is not a date"),
        ("C1,88,A,6,2010-12-01,1,,", "an invoice with C can't have a positive quantity"),
        ('1,88,"A,6,2010-12-01,1,,\n', "it has 3 fields, not 8"),
        ('1,88,A,6,2010-12-01,1,,"\n', "a quote is opened and not closed"),
    ],
)
def test_rows_that_cannot_be_used(line: str, reason: str):
    bad = only_bad(line)
    assert (bad.number, bad.reason) == (2, reason)


def test_a_bad_row_names_its_invoice_and_code():
    assert only_bad("1,88a,A,0,2010-12-01,1,,") == BadRow(2, "Quantity is 0", "1", "88A")


def test_quantities_that_can_be_read_in_one_way_only_are_taken():
    rows = [f"1;88;A;{text};2010-12-01;1;;" for text in ("6.0", "6,00", "1.000.000", "1.000,00", "1,000.0", "1 000", "1 000,000")]
    history = read(*rows, header=HEADER.replace(",", ";"))
    assert [row.quantity for row in history.invoices[0].rows] == [6, 6, 1_000_000, 1000, 1000, 1000, 1000]


def test_a_discount_may_be_negative():
    assert read("1,88,A,1,2010-12-01,1,,", "1,D,Discount,1,2010-12-01,-3,,").bad_rows == []


def test_a_field_over_several_lines_keeps_the_line_numbers():
    history = read('1,88,"two\nlines",6,2010-12-01,1,,', "", "2,88,A,x,2010-12-01,1,,")
    assert history.invoices[0].rows[0].description == "two lines"
    assert [bad.number for bad in history.bad_rows] == [5]


@pytest.mark.parametrize("before", ["sep=;\n", '"SEP=;"\r\n', "\n  \n", "\nsep=\t\n"])
def test_lines_before_the_header(before: str):
    lines = (HEADER + "\n" + GOOD + "\n1,1,A,none,2010-12-01,1,,").replace(",", ";")
    history = read_history((before + lines).encode())
    skipped = before.count("\n")
    assert ([row.number for row in history.invoices[0].rows], [bad.number for bad in history.bad_rows]) == ([2 + skipped], [3 + skipped])


def test_an_open_quote_spoils_its_own_line_only():
    history = read('1,88,"12 INCH,6,2010-12-01,1,,', *[f'{n},88,12" RULER,6,2010-12-01,1,,' for n in range(2, 12)])
    assert [(bad.number, bad.reason) for bad in history.bad_rows] == [(2, "it has 3 fields, not 8")]
    assert [invoice.number for invoice in history.invoices] == [str(n) for n in range(2, 12)]


def test_a_giant_field_spoils_its_own_line_only():
    history = read(f"1,88,{'A' * 200_000},6,2010-12-01,1,,", GOOD)
    assert [bad.number for bad in history.bad_rows] == [2]
    assert [invoice.number for invoice in history.invoices] == ["536365"]


@pytest.mark.parametrize(
    ("content", "missing"),
    [("", "InvoiceNo, StockCode, Quantity"), ("a,b\n1,2", "InvoiceNo, StockCode"), (HEADER.replace("Quantity", "Menge"), "Quantity")],
)
def test_without_its_columns_the_file_is_refused(content: str, missing: str):
    with pytest.raises(UnreadableFile, match=missing):
        read_history(content.encode())


def test_one_bad_row_among_a_hundred_thousand():
    lines = [f"{500000 + n // 20},{20000 + n % 700},THING,{1 + n % 5},2010-12-01 08:26,1.25,17850,United Kingdom" for n in range(100_000)]
    lines[70_000] = '503500,20000,"THING,1,2010-12-01 08:26,1.25,17850,United Kingdom'
    history = read(*lines)
    assert history.bad_rows == [BadRow(70_002, "it has 3 fields, not 8")]
    assert (len(history.invoices), sum(len(invoice.goods) for invoice in history.invoices)) == (5000, 99_999)
