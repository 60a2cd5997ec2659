"""A real process `live`, and readers of its streams."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from knox.models import AuthToken

from tests.warehouse.outbox.conftest import wait_for
from warehouse.core.actor import Role
from warehouse.outbox.relay import Relay
from warehouse.outbox.resilience import connect_redis

ROOT = Path(__file__).resolve().parents[3]
STREAM = "/api/v1/events/stream"
_numbers = count(1)


@dataclass
class Event:
    id: int
    type: str
    data: dict[str, Any]


@dataclass
class Reader:
    """A client that reads a stream in a thread, as a browser's EventSource does: it knows the last id, with or without an event."""

    port: int
    path: str
    headers: dict[str, str]
    events: list[Event] = field(default_factory=list)
    last_id: int | None = None
    comments: list[str] = field(default_factory=list)
    ended: bool = False

    def open(self) -> Reader:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        self.connection.request("GET", self.path, headers=self.headers)
        self.socket = self.connection.sock
        self.response = self.connection.getresponse()
        if self.response.status == 200:
            self.thread = threading.Thread(target=self._read, daemon=True)
            self.thread.start()
        return self

    def problem(self) -> dict[str, Any]:
        assert self.response.headers["Content-Type"] == "application/problem+json"
        return json.loads(self.response.read())

    def _read(self) -> None:
        told: dict[str, str] = {}
        try:
            for raw in self.response:
                line = raw.decode().rstrip("\n")
                name, _, value = line.partition(": ")
                if not line:
                    self._take(told)
                    told = {}
                elif not name:
                    self.comments.append(value)
                else:
                    assert name not in told
                    told[name] = value
        except (OSError, http.client.HTTPException, AttributeError, ValueError):
            pass  # cut: what a browser sees too
        finally:
            self.ended = True

    def _take(self, told: dict[str, str]) -> None:
        if "id" in told:
            self.last_id = int(told["id"])
        if "data" in told:
            self.events.append(Event(int(told["id"]), told["event"], json.loads(told["data"])))

    def cut(self) -> None:
        """The wire is cut: nobody says goodbye."""
        self.socket.shutdown(socket.SHUT_RDWR)
        wait_for(lambda: self.ended)
        self.response.close()
        self.connection.close()

    @property
    def ids(self) -> list[int]:
        return [event.id for event in self.events]


class LiveProcess:
    """`manage.py serve_live` on a port of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.environment = environment | {"LIVE_PORT": str(self.port)}
        self.readers: list[Reader] = []
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve_live"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wait_for(lambda: self.get("/healthz")[0] == 200, 90)

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except ConnectionError:
            return 0, ""
        finally:
            connection.close()

    def figure(self, name: str) -> float:
        lines = [line.split() for line in self.get("/metrics")[1].splitlines()]
        return next(float(words[1]) for words in lines if words[0] == name)

    def read(self, query: str = "", *, token: str = "", **headers: str) -> Reader:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        reader = Reader(self.port, STREAM + query, headers).open()
        self.readers.append(reader)
        if reader.response.status == 200:
            wait_for(lambda: reader.last_id is not None)
        return reader

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=30)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture
def live(environment: dict[str, str]) -> Iterator[LiveProcess]:
    process = LiveProcess(environment)
    yield process
    if process.process.poll() is None:
        process.kill()


def token_of(*roles: Role) -> str:
    user = get_user_model().objects.create_user(f"listener-{next(_numbers)}")
    user.groups.set([Group.objects.get_or_create(name=role.value)[0] for role in roles])
    return str(AuthToken.objects.create(user)[1])


def relay() -> Relay:
    return Relay(connect_redis(settings.REDIS_URL))


def publish_all() -> None:
    relay().drain(threading.Event())
