"""Tables for spreadsheets."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

from warehouse.core.api.csv import LINES_PER_PART, csv_response


def test_every_row_once_and_none_runs():
    count = 2 * LINES_PER_PART + 3
    moment = datetime(2026, 11, 20, 4, 6, tzinfo=UTC)
    rows = ((number, Decimal("-1.500"), "=1+1", None, moment, 'a "quoted", text\nof two lines') for number in range(count))
    response = csv_response("x.csv", ["n", "q", "t", "none", "at", "long"], rows)
    parts = list(response.streaming_content)
    assert len(parts) == 3
    found = list(csv.reader(io.StringIO(b"".join(parts).decode("utf-8-sig"))))
    assert found[0] == ["n", "q", "t", "none", "at", "long"]
    assert found[1] == ["0", "-1.500", "'=1+1", "", "2026-11-20T04:06:00+00:00", 'a "quoted", text\nof two lines']
    assert [row[0] for row in found[1:]] == [str(number) for number in range(count)]


def test_no_rows():
    assert b"".join(csv_response("x.csv", ["a", "b"], []).streaming_content).decode() == "\ufeffa,b\r\n"
