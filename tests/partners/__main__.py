"""`python -m tests.partners`: the order system, the delivery service, both of Allegro and a label printer in one process, until SIGTERM or Ctrl-C."""

# ruff: noqa: T201  a program that says on its terminal where it listens

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from tests.partners import demo
from tests.partners.allegro_microservice import AllegroMicroservice
from tests.partners.allegro_rest import AllegroRest
from tests.partners.base import Partner
from tests.partners.delivery import Delivery
from tests.partners.order_system import OrderSystem
from tests.partners.printer import RawPrinter
from tests.partners.server import PartnerServer

# (partner, what the variable of its port begins with, the variable of its token, default port)
PARTNERS: tuple[tuple[type[Partner], str, str, int], ...] = (
    (OrderSystem, "ORDER_SYSTEM", "ORDER_SYSTEM_TOKEN", 8091),
    (Delivery, "DELIVERY", "DELIVERY_TOKEN", 8092),
    (AllegroMicroservice, "ALLEGRO_MICROSERVICE", "ALLEGRO_MICROSERVICE_JWT_TOKEN", 8094),
    (AllegroRest, "ALLEGRO_REST", "ALLEGRO_REST_TOKEN", 8095),
)


def main() -> int:
    """Start every partner, say where they are, serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tests.partners", description=__doc__)
    parser.add_argument("--host", default=os.environ.get("PARTNERS_HOST", "127.0.0.1"))
    state_help = "a directory that keeps what the partners know, one journal each; without it (or PARTNERS_STATE) they forget"
    parser.add_argument("--state", type=Path, default=os.environ.get("PARTNERS_STATE"), help=state_help)
    for kind, prefix, _, port in PARTNERS:
        default = int(os.environ.get(f"{prefix}_PORT", port))
        parser.add_argument(f"--{kind.name.replace('_', '-')}-port", type=int, default=default, dest=kind.name)
    printer_port = int(os.environ["PRINTER_PORT"]) if os.environ.get("PRINTER_PORT") else None
    parser.add_argument("--printer-port", type=int, default=printer_port, help="a label printer too (or PRINTER_PORT); it prints into --state")
    parser.add_argument("--demo", action="store_true", help="marketplaces that know nothing yet have sold what the demo has in its database")
    options = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    servers: list[PartnerServer] = []
    printer: RawPrinter | None = None
    try:
        for kind, _, token, _ in PARTNERS:
            state = options.state / f"{kind.name}.jsonl" if options.state else None
            port = getattr(options, kind.name)
            try:
                server = PartnerServer(kind, host=options.host, port=port, token=os.environ.get(token, ""), state=state)
            except OSError as error:
                print(f"{kind.name} can't listen on {options.host}:{port}: {error.strerror}", file=sys.stderr)
                return 1
            if options.demo:
                demo.fill(server.partner)
            servers.append(server.start())
        if options.printer_port is not None:
            folder = options.state / "printed" if options.state else None
            try:
                printer = RawPrinter(options.printer_port, host=options.host, folder=folder)
            except OSError as error:
                print(f"The printer can't listen on {options.host}:{options.printer_port}: {error.strerror}", file=sys.stderr)
                return 1
        print("Partners are ready: " + ", ".join(f"{server.partner.name} at {server.url}" for server in servers), flush=True)
        stop.wait()
    finally:
        for server in servers:
            server.stop()
        if printer is not None:
            printer.stop()
    print("Partners have stopped.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
