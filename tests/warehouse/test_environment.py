"""What the environment says is judged at the start: the name of the variable and what to give, instead of a surprise later."""

import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from warehouse.environment import amount, database, networks, number, one_of, partner_address, partner_token, rate, whole_numbers, yes_or_no


def _number(name: str) -> int:
    return number(name, 5, least=1, most=10)


def _days(name: str) -> list[int]:
    return whole_numbers(name, "7,3", least=0, most=30)


def _word(name: str) -> str:
    return one_of(name, ["last", "average"])


def _yes(name: str) -> bool:
    return yes_or_no(name, True)


def _amount(name: str) -> Decimal:
    return amount(name, "500")


def _networks(name: str) -> list[str]:
    return [str(each) for each in networks(name, "10.0.0.0/8")]


def _rate(name: str) -> str:
    return rate(name, "6000/min")


def _address(name: str) -> str:
    return partner_address(name, "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("read", "given", "value"),
    [
        (_number, None, 5),
        (_number, "", 5),
        (_number, "10", 10),
        (_days, None, [7, 3]),
        (_days, "", []),
        (_days, " 0 ,30,", [0, 30]),
        (_word, "", "last"),
        (_word, "average", "average"),
        (_yes, "", True),
        (_yes, "Off", False),
        (_amount, "12.50", Decimal("12.50")),
        (_networks, "", []),
        (_networks, "10.1.2.3, fc00::/7", ["10.1.2.3/32", "fc00::/7"]),
        (_rate, "", "6000/min"),
        (_rate, "3/day", "3/day"),
        (_address, "https://partner.example/api", "https://partner.example/api"),
        (partner_token, "", ""),
    ],
)
def test_it_is_read(monkeypatch: pytest.MonkeyPatch, read: Callable[[str], Any], given: str | None, value: object) -> None:
    if given is not None:
        monkeypatch.setenv("ASKED", given)
    assert read("ASKED") == value


@pytest.mark.parametrize(
    ("read", "given", "shown"),
    [
        (_number, "0", True),
        (_number, "11", True),
        (_number, "2.5", True),
        (_number, "nan", True),
        (_days, "7,a", True),
        (_days, "31", True),
        (_days, "-1", True),
        (_word, "first", True),
        (_yes, "maybe", True),
        (_amount, "-1", True),
        (_amount, "NaN", True),
        (_networks, "10.0.0.0/99", True),
        (_rate, "100", True),
        (_rate, "0/min", True),
        (_rate, "100/month", True),
        (_address, "http://user:secret@host", False),
        (partner_token, "two words\n", False),
    ],
)
def test_nonsense_stops_the_start_and_a_secret_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[str], Any], given: str, shown: bool
) -> None:
    monkeypatch.setenv("ASKED", given)
    with pytest.raises(ImproperlyConfigured, match=r"^ASKED") as caught:
        read("ASKED")
    assert (repr(given) in str(caught.value)) is shown


@pytest.mark.parametrize("given", ["nonsense", "sqlite:///wms.db", "mysql://user:secret@host/wms", "postgres://user:secret/word@host/wms"])
def test_an_address_of_no_postgresql_stops_the_start_and_is_not_quoted(given: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL: give the address of a PostgreSQL, such as postgres://user:password@") as caught:
        database("DATABASE_URL", given)
    assert given not in str(caught.value)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_an_address_of_a_postgresql() -> None:
    found = database("DATABASE_URL", "postgres://user:pass%20word@host:5433/wms")
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"]) == ("user", "pass word", "host", 5433, "wms")
    assert (found["CONN_MAX_AGE"], found["CONN_HEALTH_CHECKS"]) == (60, True)
