"""A label printer: a raw socket that takes bytes until the other side closes, as port 9100 of a real one does. Keeps every job."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from pytest_django.fixtures import Settings

RESET, DEAF = "reset", "deaf"


class RawPrinter:
    """Listens on a free port. `fault`: `reset` cuts the connection off, `deaf` takes it and reads nothing."""

    def __init__(self) -> None:
        self.jobs: list[bytes] = []
        self.connections = 0
        self.fault = ""
        self._stopping = threading.Event()
        self._arrived = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.host, self.port = self._listener.getsockname()
        self._thread = threading.Thread(target=self._serve, name="printer", daemon=True)
        self._thread.start()

    def wait_for(self, count: int, seconds: float = 5) -> list[bytes]:
        """The jobs, when so many have come; fails when they don't."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.jobs) >= count, seconds), f"{len(self.jobs)} of {count} jobs have come"
            return list(self.jobs)

    def stop(self) -> None:
        """Out of paper for good: nobody listens on the port any more."""
        self._stopping.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                self.connections += 1
                with connection:
                    self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        if self.fault == RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if self.fault == DEAF:
            self._stopping.wait(3)
            return
        connection.settimeout(5)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        with self._arrived:
            self.jobs.append(b"".join(parts))
            self._arrived.notify_all()


@pytest.fixture
def raw_printer(settings: Settings) -> Iterator[RawPrinter]:
    """A running printer on this machine, which is allowed to stand here."""
    settings.PRINTER_NETWORKS = [ip_network("127.0.0.1/32")]
    settings.PRINTER_TIMEOUT_SECONDS = 0.5
    printer = RawPrinter()
    try:
        yield printer
    finally:
        printer.stop()
