"""A channel that people are told alerts on: the webhook of apprise's `json://`."""

from __future__ import annotations

from typing import ClassVar

from tests.partners.base import Answer, Partner, Request, route


class AlertChannel(Partner):
    """Keeps what it is told."""

    name: ClassVar[str] = "alert-channel"

    @route("POST", "/alerts/{secret}")
    def told(self, request: Request, secret: str) -> Answer:
        message = request.json()
        self.ledger.append("told", {name: message[name] for name in ("title", "message", "type")})
        return Answer(204)
