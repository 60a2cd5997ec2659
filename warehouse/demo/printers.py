"""The label printer that `make run` plays: one for each site, all of them the same socket on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable

from fulfillment.models import Printer
from inventory.models import Warehouse

NAME, HOST = "Demo printer", "127.0.0.1"


def make_printers(sites: Iterable[Warehouse]) -> None:
    """Enter it where PRINTER_PORT says that it listens; a site that moved to another port takes it along."""
    port = os.environ.get("PRINTER_PORT")
    if not port:
        return
    for site in sites:
        printer, made = Printer.objects.get_or_create(warehouse=site, name=NAME, defaults={"host": HOST, "port": int(port)})
        if not made and printer.host == HOST and printer.port != int(port):
            printer.port = int(port)
            printer.save_changes("port")
