"""Readers of the environment for the settings: each gives a value that can be used or stops the start with the name of the variable and what to give.

An empty variable counts as one that is not set; a list that is empty is empty."""

import base64
import contextlib
import os
import re
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from warehouse.core.partners.addresses import ADDRESS_FORM, TOKEN_FORM, is_base_url, is_token

N = TypeVar("N", int, float)
DEFAULT_PORT = 8000
PORT_FILE = "run.port"


def remember_port(local_dir: Path, port: int) -> None:
    """Keep which port the site of this directory has: commands of other terminals find it, and its partners beside it."""
    (local_dir / PORT_FILE).write_text(f"{port}\n")


def served_port(local_dir: Path) -> int:
    """The port where `make run` serves the site of this directory, or served it last; the default when it never did."""
    try:
        text = (local_dir / PORT_FILE).read_text()
    except FileNotFoundError:
        return DEFAULT_PORT
    return int(text or DEFAULT_PORT)


def database(name: str, url: str) -> dict[str, Any]:
    """A PostgreSQL as Django's settings have it. Its address is not quoted when it is wrong: a password stands in it."""
    try:
        found = dict(dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True))
    except ValueError:
        found = {}
    if found.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured(f"{name}: give the address of a PostgreSQL, such as postgres://user:password@127.0.0.1:5432/warehouse.")
    return found


def amount(name: str, default: str) -> Decimal:
    """An amount of money from the environment."""
    try:
        value = Decimal(os.environ.get(name) or default)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise ImproperlyConfigured(f"{name}={os.environ.get(name)!r} is no amount of money, such as {default}.")
    return value


def number(name: str, default: N, *, least: float, most: float = 1_000_000) -> N:
    """A number from the environment within bounds; whole when its default is."""
    given = os.environ.get(name) or str(default)
    with contextlib.suppress(ValueError):
        value = type(default)(given)
        if least <= value <= most:
            return value
    raise ImproperlyConfigured(f"{name}={given!r}: give a {'whole ' * isinstance(default, int)}number from {least} to {most}, such as {default}.")


def whole_numbers(name: str, default: str, *, least: int, most: int) -> list[int]:
    """Whole numbers from the environment within bounds, separated by commas; an empty variable means none."""
    given = os.environ.get(name, default)
    numbers = [each.strip() for each in given.split(",") if each.strip()]
    if not all(each.isdecimal() and least <= int(each) <= most for each in numbers):
        raise ImproperlyConfigured(f"{name}={given!r}: give whole numbers from {least} to {most}, separated by commas, such as {default}.")
    return [int(each) for each in numbers]


def yes_or_no(name: str, default: bool) -> bool:
    """A yes/no value from the environment."""
    given = os.environ.get(name) or str(default)
    if given.lower() not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
        raise ImproperlyConfigured(f"{name}={given!r}: give yes or no.")
    return given.lower() in {"1", "true", "yes", "on"}


def rate(name: str, default: str) -> str:
    """So many in a second, minute, hour or day from the environment."""
    given = os.environ.get(name) or default
    if not re.fullmatch(r"[1-9][0-9]{0,8}/(s|sec|second|m|min|minute|h|hour|d|day)", given):
        raise ImproperlyConfigured(f"{name}={given!r}: give how many in a second, minute, hour or day, such as {default}.")
    return given


def networks(name: str, default: str) -> list[Any]:
    """Addresses or networks from the environment, separated by commas; an empty variable means none."""
    given = os.environ.get(name, default)
    try:
        return [ip_network(each.strip()) for each in given.split(",") if each.strip()]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={given!r}: {error}. Give networks such as 10.1.0.0/16, separated by commas.") from error


def one_of(name: str, words: list[str]) -> str:
    """One of these words from the environment; the first is the default."""
    value = os.environ.get(name) or words[0]
    if value not in words:
        raise ImproperlyConfigured(f"{name}={value!r} is none of: {', '.join(words)}.")
    return value


def partner_address(name: str, default: str) -> str:
    """A partner's address from the environment, such as calls can be made below. It is not quoted when it is wrong: a password may stand in it."""
    given = os.environ.get(name) or default
    if not is_base_url(given):
        raise ImproperlyConfigured(f"{name}: {ADDRESS_FORM}, such as {default}.")
    return given


def partner_token(name: str) -> str:
    """A bearer token from the environment; "" for none. It is not quoted when it is wrong."""
    given = os.environ.get(name, "")
    if not is_token(given):
        raise ImproperlyConfigured(f"{name}: {TOKEN_FORM}.")
    return given


def secret_keys(name: str) -> list[str]:
    """Fernet keys from the environment, separated by commas: the first one encrypts, all of them decrypt. They are not quoted when they are wrong."""
    keys = [key.strip() for key in os.environ.get(name, "").split(",") if key.strip()]
    for number, key in enumerate(keys, start=1):
        try:
            usable = len(base64.b64decode(key, altchars=b"-_", validate=True)) == 32
        except ValueError:
            usable = False
        if not usable:
            raise ImproperlyConfigured(f"{name}: key {number} of {len(keys)} is no Fernet key, 32 bytes in base64 with - and _.")
    return keys
