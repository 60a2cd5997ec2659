"""What every partner server shares: requests, answers and routing. `server` puts a partner behind a socket, with faults and control endpoints.

A partner is a subclass of `Partner` in a module of its own; its methods marked with `@route` answer requests.
"""

from __future__ import annotations

import hmac
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast
from urllib.parse import unquote

from tests.partners.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a partner sees it. `pause` is called in the middle of the work; a fault can make it long."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    base_url: str
    pause: Callable[[], None]

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises Refused (400) when it is none."""
        try:
            data = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "The body is not JSON.") from error
        if not isinstance(data, dict):
            raise Refused(400, "The body must be a JSON object.")
        return data


@dataclass(slots=True)
class Answer:
    """An answer: `data` goes out as JSON, or `text` as it is."""

    status: int = 200
    data: Any = None
    text: str | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """The body as bytes."""
        if self.text is not None:
            return self.text.encode()
        # A half surrogate, asked for by a test, becomes its JSON escape.
        return b"" if self.data is None else json.dumps(self.data, ensure_ascii=False).encode(errors="backslashreplace")


class Refused(Exception):
    """Raised by a route: the request is answered with this status and a short problem."""

    def __init__(self, status: int, detail: str, **data: Any) -> None:
        super().__init__(detail)
        self.answer = Answer(status, {"error": detail, **data})


Handler = Callable[..., Answer]


def route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    """Mark a method of a Partner as the answer to `method` on a path; `{name}` in the pattern becomes an argument."""

    def mark(handler: Handler) -> Handler:
        regex = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern) + "$")
        handler.__dict__["route"] = (method, regex)
        return handler

    return mark


class Partner:
    """One partner's behaviour, kept apart from HTTP. State is read from `ledger`; `lock` guards a read that is followed by a write."""

    name: ClassVar[str]
    # What paths begin with that nobody may ask without a token.
    guarded: ClassVar[tuple[str, ...]] = ("/api/",)

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.lock = threading.RLock()
        handlers = (getattr(self, name) for name in dir(type(self)))
        self._routes = [(*handler.__dict__["route"], handler) for handler in handlers if "route" in getattr(handler, "__dict__", {})]

    def admits(self, given: str, token: str) -> bool:
        """Whether a bearer token lets its bearer in; `token` is the one that the server was started with, "" for none."""
        return not token or hmac.compare_digest(given.encode(), token.encode())

    def respond(self, request: Request) -> Answer:
        """Do the work of a request."""
        allowed = []
        for method, regex, handler in self._routes:
            if match := regex.match(request.path):
                if method == request.method:
                    return cast(Answer, handler(request, **{key: unquote(value) for key, value in match.groupdict().items()}))
                allowed.append(method)
        if allowed:
            raise Refused(405, f"Use {' or '.join(sorted(allowed))} here.")
        raise Refused(404, "There is nothing here.")
