"""A label printer: a raw socket that takes bytes until the other side closes, as port 9100 of a real one does.

Keeps every job; with a folder it prints into files, labels in ZPL as pictures too.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from pathlib import Path

from fulfillment.labels.png import png_of

RESET, DEAF = "reset", "deaf"
KINDS = {b"%PDF": "pdf", b"\x89PNG": "png"}


class RawPrinter:
    """Listens on the port, or on a free one. `fault`: `reset` cuts the connection off, `deaf` takes it and reads nothing."""

    def __init__(self, port: int = 0, *, host: str = "127.0.0.1", folder: Path | None = None) -> None:
        self.jobs: list[bytes] = []
        self.connections = 0
        self.fault = ""
        self._folder = folder
        self._stopping = threading.Event()
        self._arrived = threading.Condition()
        self._listener = socket.create_server((host, port))
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
        """Switched off: nobody listens on the port any more."""
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
        # A sender that dies in the middle leaves a torn job; a printer prints what it has.
        with contextlib.suppress(OSError):
            while part := connection.recv(65536):
                parts.append(part)
        job = b"".join(parts)
        self._print(job)
        with self._arrived:
            self.jobs.append(job)
            self._arrived.notify_all()

    def _print(self, job: bytes) -> None:
        if self._folder is None or not job:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        kind = KINDS.get(job[:4], "zpl")
        number = 1 + max((int(path.stem.removeprefix("label-")) for path in self._folder.glob("label-*")), default=0)
        name = self._folder / f"label-{number:05d}.{kind}"
        name.write_bytes(job)
        if kind == "zpl":
            # Whatever else may come to a port: what is no label of ours has no picture.
            with contextlib.suppress(ValueError, KeyError):
                name.with_suffix(".png").write_bytes(png_of(job.decode()))
