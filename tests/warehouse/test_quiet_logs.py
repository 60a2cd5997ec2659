"""A command that wants quiet leaves the process as it was."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from django.core.management import call_command

from warehouse.logs import only_warnings
from warehouse.management.commands.replay_orders import CHATTY


def test_the_levels_come_back_even_after_an_error() -> None:
    loud, silent = logging.getLogger("tests.loud"), logging.getLogger("tests.silent")
    loud.setLevel(logging.DEBUG)
    silent.setLevel(logging.NOTSET)
    with pytest.raises(ZeroDivisionError), only_warnings("tests.loud", "tests.silent"):
        assert (loud.isEnabledFor(logging.INFO), silent.isEnabledFor(logging.INFO)) == (False, False)
        raise ZeroDivisionError
    assert (loud.level, silent.level) == (logging.DEBUG, logging.NOTSET)


def test_a_replay_leaves_the_levels_alone(db: None, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n")
    before = [logging.getLogger(name).level for name in CHATTY]
    call_command("replay_orders", str(file))
    assert [logging.getLogger(name).level for name in CHATTY] == before
