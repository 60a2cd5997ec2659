"""The label printers of the house."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.db.models import ProtectedError

from fulfillment.locks import lock_printer
from fulfillment.models import Printer
from warehouse.core.actor import Actor
from warehouse.core.documents import apply_values, write_values
from warehouse.core.errors import Conflict, ValidationFailed
from warehouse.core.transactions import operation

WRITTEN = ("warehouse_id", "name", "host", "port", "label_format", "is_active")
_NAME = re.compile(r"(?=.{1,200}$)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*\.?")


@operation()
def create_printer(values: Mapping[str, Any], *, actor: Actor) -> Printer:
    """Add a printer. Raises ValidationFailed for a host that can't be one, Conflict when its warehouse has one of that name."""
    return _set(Printer(), values)


@operation()
def change_printer(printer_id: int, values: Mapping[str, Any], *, actor: Actor, expected_version: int | None = None) -> Printer:
    """Set the values. Locks the printer. Raises NotFound, StaleVersion, ValidationFailed, Conflict."""
    return _set(lock_printer(printer_id, expected_version), values)


@operation()
def delete_printer(printer_id: int, *, actor: Actor) -> None:
    """Take a printer out that never printed. Locks it. Raises NotFound, Conflict."""
    printer = lock_printer(printer_id)
    try:
        printer.delete()
    except ProtectedError as error:
        raise Conflict(f"Printer {printer} has printed labels. Take it out of use instead (is_active).", id=printer_id) from error


def judge_host(host: str) -> str:
    """What is wrong with a printer's host; empty when nothing is. A name is judged again whenever something is printed: it may come to mean another."""
    try:
        address = ip_address(host)
    except ValueError:
        return "" if _NAME.fullmatch(host) else "Give an address such as 192.168.1.50, or a host's name."
    if any(address in network for network in settings.PRINTER_NETWORKS):
        return ""
    return f"{host} is not within PRINTER_NETWORKS ({', '.join(map(str, settings.PRINTER_NETWORKS)) or 'none'}). Have that network allowed."


def _set(printer: Printer, values: Mapping[str, Any]) -> Printer:
    apply_values(printer, values, WRITTEN)
    if wrong := judge_host(printer.host):
        raise ValidationFailed(f"host: {wrong}", errors=[{"field": "host", "code": "not_allowed", "detail": wrong}])
    write_values(printer, WRITTEN, lambda _: ("name", f"{printer.warehouse.code} has a printer {printer.name} already."))
    return printer
