"""Bytes to a label printer over a raw socket (port 9100), and the worker's way of emptying a printer's queue.

Who enters a printer can make this site open a connection: only addresses within setting PRINTER_NETWORKS are ever connected to, whatever a name
resolves to at that moment.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable
from ipaddress import ip_address

from django.conf import settings

from fulfillment.models import LabelPrint, Printer
from fulfillment.services import label_prints
from fulfillment.services.background import ACTOR
from fulfillment.services.labels import PackageLabel

logger = logging.getLogger(__name__)


class NotPrinted(Exception):
    """The printer did not take it. Says what to do."""


def print_queued(printer_id: int) -> None:
    """Send what is queued for a printer, in order, each once. After the first that fails the others fail with the same words, without being tried."""
    failure = ""
    while (job := label_prints.claim_label_print(printer_id, actor=ACTOR)) is not None:
        error = job.error or failure
        if job.label is not None and not error:
            data, error = _drawn(job.label, job.printer.label_format)
            if not error:
                try:
                    send(job.printer, data)
                except NotPrinted as refused:
                    failure = error = str(refused)
        _record(job.row, error)


def _drawn(label: PackageLabel, label_format: str) -> tuple[bytes, str]:
    """The file, or why there is none: a label that can't be drawn does not hold up the others."""
    try:
        return label.rendered(label_format), ""
    except Exception as error:
        logger.exception("The label of %s can't be drawn", label.content.code)
        return b"", f"This label can't be drawn ({type(error).__name__}). Correct what stands on it, or tell the administrator; then print again."


def send(printer: Printer, data: bytes) -> None:
    """Send the bytes, once, within setting PRINTER_TIMEOUT_SECONDS for each of connecting and sending. Raises NotPrinted."""
    where = f"Printer {printer.name} ({printer.host}:{printer.port})"
    address = _allowed_address(printer, where)
    try:
        with socket.create_connection((address, printer.port), timeout=settings.PRINTER_TIMEOUT_SECONDS) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
    except TimeoutError as error:
        raise NotPrinted(f"{where} does not answer. Is it switched on and in the network, does it have labels? Then print again.") from error
    except OSError as error:
        raise NotPrinted(f"{where} did not take it: {error.strerror or error}. Look at the printer, then print again.") from error


def _allowed_address(printer: Printer, where: str) -> str:
    """What the host's name means now; a name that means a forbidden address too is refused whole."""
    try:
        found = {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(printer.host, printer.port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise NotPrinted(f"{where}: nobody knows that name. Correct the printer's host, or enter its address.") from error
    if not allowed(found):
        raise NotPrinted(
            f"{where} is {', '.join(sorted(found))}, which is not within PRINTER_NETWORKS. Correct the printer's host, or have that network allowed."
        )
    return min(found)


def allowed(addresses: Iterable[str]) -> bool:
    """Whether a printer may stand at all of these addresses."""
    return all(any(ip_address(address) in network for network in settings.PRINTER_NETWORKS) for address in addresses)


def _record(row: LabelPrint, error: str) -> None:
    label_prints.record_label_print(row.pk, error, actor=ACTOR)
    if error:
        logger.warning("Label %d of package %d was not printed: %s", row.pk, row.package_id, error)
    else:
        logger.info("Label %d of package %d was sent to printer %d", row.pk, row.package_id, row.printer_id)
