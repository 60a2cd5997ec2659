"""A partner behind a real socket: bearer tokens, faults, the control endpoints under `/_control/`, and a ledger of every request.

Control: `GET /_control/health`, `GET /_control/ledger`, `POST /_control/reset`, and `GET`, `POST`, `DELETE /_control/faults`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.partners.base import Answer, Partner, Refused, Request
from tests.partners.faults import Fault, FaultBoard, parse_faults
from tests.partners.ledger import Ledger

MAX_BODY = 1_000_000
STRANGERS_ORDER = "999999999"


class PartnerServer(ThreadingHTTPServer):
    """A partner behind a real socket, one thread per connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, kind: type[Partner], *, host: str = "127.0.0.1", port: int = 0, token: str = "", state: Path | None = None) -> None:
        super().__init__((host, port), PartnerHandler)
        self.ledger = Ledger(state)
        self.partner = kind(self.ledger)
        self.faults = FaultBoard()
        self.token = token
        self.stopping = threading.Event()
        self.url = f"http://{host}:{self.server_address[1]}"
        self._thread: threading.Thread | None = None

    def start(self) -> PartnerServer:
        """Serve in a thread until `stop`."""
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name=self.partner.name, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening, wake what waits, close the journal."""
        self.stopping.set()
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()
        self.ledger.close()

    def fail(self, kind: str, **options: Any) -> None:
        """Add a fault, see `Fault`."""
        self.faults.add(Fault(kind, **options))

    def requests(self, method: str | None = None) -> list[dict[str, Any]]:
        """The requests received so far, oldest first."""
        return [row for row in self.ledger.table("requests") if method in (None, row["method"])]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is its own business; anything else is printed as usual."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class PartnerHandler(BaseHTTPRequestHandler):
    """Reads a request, lets a fault strike, lets the partner work, writes down what happened, answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: PartnerServer

    def log_message(self, format: str, *args: Any) -> None:
        """The ledger is the log."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _serve(self) -> None:
        try:
            body = self._read_body()
        except Refused as refused:
            self.close_connection = True
            self._send(refused.answer)
            return
        url = urlsplit(self.path)
        if url.path.startswith("/_control/"):
            self._send(self._control(url.path, body))
            return
        fault = self.server.faults.take(self.command, url.path)
        during = fault if fault and fault.when == "during" else None
        request = Request(
            method=self.command,
            path=url.path,
            query=parse_qs(url.query),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            base_url=self.server.url,
            pause=lambda: self._wait(during.seconds if during else 0),
        )
        if fault and fault.when == "before" and fault.kind in {"latency", "status", "drop", "redirect"}:
            self._wait(fault.seconds)
            if fault.kind == "latency":
                self._answer(request, self._work(request), fault)
            else:
                self._spoil(request, Answer(503), fault)
            return
        answer = self._work(request)
        if fault is None or during:
            self._answer(request, answer, fault)
            return
        self._wait(fault.seconds)
        self._spoil(request, answer, fault)

    def _work(self, request: Request) -> Answer:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        partner = self.server.partner
        if request.path.startswith(partner.guarded) and not partner.admits(given, self.server.token):
            return Answer(401, {"error": "A bearer token is needed."}, headers={"WWW-Authenticate": "Bearer"})
        try:
            return partner.respond(request)
        except Refused as refused:
            return refused.answer

    def _spoil(self, request: Request, answer: Answer, fault: Fault) -> None:
        """Answer as the fault says; the work, if there was any, stands."""
        match fault.kind:
            case "status":
                headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
                answer = Answer(fault.status, {"error": "This is a fault on demand."}, headers=headers)
            case "redirect":
                answer = Answer(307, headers={"Location": fault.location})
            case "wrong_json":
                answer = Answer(answer.status, text=fault.text)
            case "html":
                answer = Answer(200, text="<!doctype html><title>Down for maintenance</title><p>Back soon.", content_type="text/html; charset=utf-8")
            case "oversized":
                answer = Answer(answer.status, {"padding": "x" * fault.size})
            case "wrong_order" if isinstance(answer.data, dict):
                about_order = "order_number" in answer.data
                answer.data = answer.data | ({"id": STRANGERS_ORDER} if about_order else {"order_id": STRANGERS_ORDER})
            case "missing" if isinstance(answer.data, dict):
                answer.data = {key: value for key, value in answer.data.items() if key != fault.field}
            case "replace" if isinstance(answer.data, dict):
                answer.data = answer.data | (fault.values or {})
        self._answer(request, answer, fault, cut=fault.kind if fault.kind in {"drop", "truncated"} else "")

    def _answer(self, request: Request, answer: Answer, fault: Fault | None, cut: str = "") -> None:
        """Write the request down, then answer it, so that whoever has the answer also finds the request in the ledger."""
        text = request.body.decode(errors="replace")
        with contextlib.suppress(ValueError, RecursionError):
            text = json.loads(text)
        self.server.ledger.append(
            "requests",
            {
                "at": datetime.now(UTC).isoformat(),
                "method": request.method,
                "path": request.path,
                "query": {name: values[-1] for name, values in request.query.items()},
                "idempotency_key": request.headers.get("idempotency-key"),
                "authorized": "authorization" in request.headers,
                "body": text,
                "fault": fault.kind if fault else None,
                "status": None if cut == "drop" else answer.status,
            },
        )
        self._send(answer, cut)

    def _send(self, answer: Answer, cut: str = "") -> None:
        if cut == "drop":
            self._hang_up()
            return
        body = answer.encoded()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if body:
            self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _read_body(self) -> bytes:
        if "transfer-encoding" in self.headers:
            raise Refused(411, "Say the length of the body.")
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit():
            raise Refused(400, "The Content-Length is no number.")
        if len(length) > 10 or int(length) > MAX_BODY:
            raise Refused(413, f"More than {MAX_BODY} bytes.")
        return self.rfile.read(int(length))

    def _wait(self, seconds: float) -> None:
        if seconds:
            self.server.stopping.wait(seconds)

    def _control(self, path: str, body: bytes) -> Answer:
        server = self.server
        match self.command, path:
            case "GET", "/_control/health":
                return Answer(data={"partner": server.partner.name})
            case "GET", "/_control/ledger":
                return Answer(data=server.ledger.all())
            case "POST", "/_control/reset":
                server.faults.clear()
                with server.partner.lock:
                    server.ledger.reset()
                return Answer(204)
            case "GET", "/_control/faults":
                return Answer(data=server.faults.as_json())
            case "DELETE", "/_control/faults":
                server.faults.clear()
                return Answer(204)
            case "POST", "/_control/faults":
                try:
                    server.faults.add(*parse_faults(body))
                except ValueError as error:
                    return Answer(400, {"error": str(error)})
                return Answer(201, server.faults.as_json())
        request = Request(self.command, path, {}, {}, body, server.url, lambda: None)
        try:
            return server.partner.respond(request)
        except Refused as refused:
            return refused.answer


@contextlib.contextmanager
def running(kind: type[Partner], *, port: int = 0, token: str = "", state: Path | None = None) -> Iterator[PartnerServer]:
    """A partner on a (free) port of this machine for as long as the block lasts."""
    server = PartnerServer(kind, port=port, token=token, state=state).start()
    try:
        yield server
    finally:
        server.stop()
