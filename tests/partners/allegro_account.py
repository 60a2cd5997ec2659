"""How Allegro lets programs in: OAuth tokens, the media type of its requests, and how many of them it takes."""

from __future__ import annotations

import base64
import secrets
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from tests.partners.base import Answer, Partner, Refused, Request, route
from tests.partners.ledger import Ledger

MEDIA_TYPE = "application/vnd.allegro.public.v1+json"
CLIENT_ID, CLIENT_SECRET = "warehouse-for-tests", "secret-of-the-application"
ACCESS_LIVES, REFRESH_LIVES = timedelta(seconds=43_199), timedelta(days=90)
# A refresh token that was used answers the same pair for so long: whoever lost the answer asks again.
USED_LIVES = timedelta(seconds=60)
DEVICE_LIVES, DEVICE_INTERVAL = timedelta(hours=1), timedelta(seconds=5)
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def stamp(moment: datetime) -> str:
    """A moment as Allegro writes it; as texts they sort as they do in time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def refuse(status: int, code: str, message: str, **headers: str) -> Refused:
    """A refusal in Allegro's form."""
    refused = Refused(status, message, errors=[{"code": code, "message": message, "userMessage": message, "details": None, "path": None}])
    refused.answer.headers = headers
    return refused


def needed(body: dict[str, Any], field: str) -> Any:
    """A field of a control request. Raises Refused (400) when it is missing."""
    if field not in body:
        raise Refused(400, f"{field} is missing.")
    return body[field]


class AllegroAccount(Partner):
    """One application and one seller. `clock` is its time. Once a pair of tokens was given away, nobody is let in without one."""

    guarded = ("/order/", "/sale/")

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._asked: deque[datetime] = deque()
        self._blocked_until: datetime | None = None
        self._most: tuple[int, timedelta] | None = None

    def allow(self, requests: int, seconds: float) -> None:
        """Block for a minute whoever makes more requests than that within so many seconds."""
        self._most = (requests, timedelta(seconds=seconds))

    def block(self, seconds: float = 60) -> None:
        """Answer everything with 429 for so long."""
        self._blocked_until = self.clock() + timedelta(seconds=seconds)

    def give_tokens(self) -> dict[str, Any]:
        """A new pair of tokens, as if the seller had just let the application in."""
        with self.lock:
            return self._new_pair()

    def revoke(self, access_token: str) -> None:
        """Let nobody in with this access token any more."""
        self.ledger.append("revoked", {"access_token": access_token, "at": stamp(self.clock())})

    def forget_refresh_tokens(self) -> None:
        """The seller takes the application's right away: no refresh token helps any more."""
        self.ledger.append("barred", {"what": "refresh_tokens", "at": self.clock().isoformat()})

    def confirm(self, user_code: str, *, denied: bool = False) -> None:
        """The seller answers the question that the device flow leads to."""
        self.ledger.append("confirmed", {"user_code": user_code, "denied": denied})

    def refreshes(self) -> int:
        """How often a pair was made out of a refresh token; the same pair given again is not counted."""
        return self.ledger.count("uses")

    def admits(self, given: str, token: str) -> bool:
        if super().admits(given, token) and (token or not self.ledger.count("pairs")):
            return True
        pair = self.ledger.last("pairs", "access_token", given)
        if pair is None or self.ledger.last("revoked", "access_token", given):
            return False
        return self.clock() < datetime.fromisoformat(pair["at"]) + ACCESS_LIVES

    def respond(self, request: Request) -> Answer:
        """Judge what is asked of every request, then do its work."""
        if request.path.startswith(self.guarded):
            with self.lock:
                self._count()
            if request.headers.get("accept") != MEDIA_TYPE:
                raise refuse(406, "NotAcceptableException", f"Accept must be {MEDIA_TYPE}.")
            if request.body and request.headers.get("content-type") != MEDIA_TYPE:
                raise refuse(415, "UnsupportedMediaTypeException", f"Content-Type must be {MEDIA_TYPE}.")
        return super().respond(request)

    @route("POST", "/auth/oauth/token")
    def token(self, request: Request) -> Answer:
        """A pair of tokens for a refresh token or for a device code that the seller has confirmed."""
        self._require_client(request)
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        with self.lock:
            if form.get("grant_type") == "refresh_token":
                answer = self._refresh(form.get("refresh_token", ""))
            elif form.get("grant_type") == DEVICE_GRANT:
                answer = self._finish_device(form.get("device_code", ""))
            else:
                raise Refused(400, "unsupported_grant_type")
        request.pause()
        return Answer(data=answer)

    @route("POST", "/auth/oauth/device")
    def device(self, request: Request) -> Answer:
        """Begin the flow in which the seller confirms on a page of Allegro's."""
        self._require_client(request)
        user_code = secrets.token_hex(4)
        page = f"{request.base_url}/skojarz-aplikacje"
        asked = {"device_code": secrets.token_urlsafe(24), "user_code": user_code}
        self.ledger.append("devices", asked | {"at": self.clock().isoformat()})
        told = {"verification_uri": page, "verification_uri_complete": f"{page}?code={user_code}"}
        return Answer(data=asked | told | {"expires_in": int(DEVICE_LIVES.total_seconds()), "interval": int(DEVICE_INTERVAL.total_seconds())})

    @route("POST", "/_control/confirm")
    def control_confirm(self, request: Request) -> Answer:
        """The seller's answer: `{"user_code": …, "denied": false}`."""
        body = request.json()
        self.confirm(str(needed(body, "user_code")), denied=bool(body.get("denied")))
        return Answer(204)

    @route("POST", "/_control/tokens")
    def control_tokens(self, request: Request) -> Answer:
        """Give a pair of tokens away."""
        return Answer(201, self.give_tokens())

    def _count(self) -> None:
        now = self.clock()
        if self._most:
            most, within = self._most
            while self._asked and self._asked[0] <= now - within:
                self._asked.popleft()
            self._asked.append(now)
            if len(self._asked) > most:
                self.block()
        if self._blocked_until and now < self._blocked_until:
            wait = str(max(round((self._blocked_until - now).total_seconds()), 1))
            raise refuse(429, "TooManyRequests", "The limit of requests was exceeded.", **{"Retry-After": wait})

    def _require_client(self, request: Request) -> None:
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            raise Refused(401, "unauthorized", error_description="Full authentication is required")

    def _new_pair(self) -> dict[str, Any]:
        pair = {"access_token": f"at-{secrets.token_urlsafe(24)}", "refresh_token": f"rt-{secrets.token_urlsafe(24)}"}
        self.ledger.append("pairs", pair | {"at": self.clock().isoformat()})
        return pair | {
            "token_type": "bearer",
            "expires_in": int(ACCESS_LIVES.total_seconds()),
            "scope": "allegro:api:orders:read",
            "allegro_api": True,
        }

    def _refresh(self, given: str) -> dict[str, Any]:
        now, invalid = self.clock(), Refused(400, "invalid_grant", error_description=f"Invalid refresh token: {given}")
        pair = self.ledger.last("pairs", "refresh_token", given)
        barred = self.ledger.last("barred", "what", "refresh_tokens")
        if pair is None or now >= datetime.fromisoformat(pair["at"]) + REFRESH_LIVES or (barred and barred["at"] >= pair["at"]):
            raise invalid
        used = self.ledger.last("uses", "refresh_token", given)
        if used is None:
            answer = self._new_pair()
            self.ledger.append("uses", {"refresh_token": given, "at": now.isoformat(), "answer": answer})
            return answer
        if now > datetime.fromisoformat(used["at"]) + USED_LIVES:
            raise invalid
        answer = used["answer"]
        assert isinstance(answer, dict)
        return answer

    def _finish_device(self, code: str) -> dict[str, Any]:
        asked = self.ledger.last("devices", "device_code", code)
        if asked is None or self.clock() >= datetime.fromisoformat(asked["at"]) + DEVICE_LIVES or self.ledger.last("finished", "device_code", code):
            raise Refused(400, "Invalid device code")
        said = self.ledger.last("confirmed", "user_code", asked["user_code"])
        if said is None:
            polled = self.ledger.last("device_polls", "device_code", code)
            self.ledger.append("device_polls", {"device_code": code, "at": self.clock().isoformat()})
            early = polled and self.clock() < datetime.fromisoformat(polled["at"]) + DEVICE_INTERVAL
            raise Refused(400, "slow_down" if early else "authorization_pending")
        if said["denied"]:
            raise Refused(400, "access_denied")
        self.ledger.append("finished", {"device_code": code})
        return self._new_pair()
