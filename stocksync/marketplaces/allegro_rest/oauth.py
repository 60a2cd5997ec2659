"""Allegro's token endpoint: a new pair of tokens for an old one, and the device flow in which the seller lets this site in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeVar
from urllib.parse import urlsplit

from django.conf import settings

from stocksync.marketplaces.allegro_rest.client import PARTNER
from warehouse.core.partners.breaker import Circuit
from warehouse.core.partners.errors import ContractBroken, PermanentFailure
from warehouse.core.partners.http import PartnerHttp
from warehouse.core.partners.reading import Answer, read_link, read_text, read_whole

T = TypeVar("T")

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
LONGEST_TOKEN = 20_000
# The words of RFC 6749 and RFC 8628 for "the seller has not answered yet".
PENDING = {"authorization_pending", "slow_down"}


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Two tokens that belong together, and how many seconds the first one lives."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """A question that the seller answers on a page of Allegro's: `verification_uri_complete`, or the other one with `user_code`.

    `device_code` is a secret; with it one asks, every `interval` seconds, what was answered, at most `expires_in` seconds long.
    """

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    interval: int
    expires_in: int


class GrantRefused(PermanentFailure):
    """The token endpoint refused. `code` is its word for why, such as invalid_grant; nothing else of its answer is kept."""

    def __init__(self, partner: str, detail: str, status: int | None, body: str = "", code: str = "") -> None:
        super().__init__(partner, detail, status, body)
        self.args = (partner, detail, status, body, code)
        self.code = code


class OAuthClient:
    """Calls to the token endpoint beside the API at `base_url`, in the name of an application. Not to be shared between threads; use `with`."""

    def __init__(self, base_url: str, client_id: str, client_secret: str, *, hide: str = "") -> None:
        url = auth_url(base_url)
        basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._http = PartnerHttp(
            PARTNER, url, timeout=settings.PARTNER_TIMEOUT_SECONDS, circuit=Circuit(PARTNER, url), secrets=(client_secret, basic, hide)
        )
        self._headers = {"Authorization": f"Basic {basic}"}
        self._client_id = client_id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def refresh(self, refresh_token: str) -> TokenPair:
        """A new pair. The refresh token is used up by it, but answers the same pair for another 60 seconds. Raises GrantRefused, RetryableFailure."""
        return self._post("token", {"grant_type": "refresh_token", "refresh_token": refresh_token}, _read_pair)

    def begin_device(self) -> DeviceRequest:
        """Begin the device flow. Raises GrantRefused, RetryableFailure."""
        return self._post("device", {"client_id": self._client_id}, self._read_device)

    def finish_device(self, device_code: str) -> TokenPair | None:
        """The tokens, when the seller has confirmed; None as long as that one has not answered. Raises GrantRefused, RetryableFailure."""
        try:
            return self._post("token", {"grant_type": DEVICE_GRANT, "device_code": device_code}, _read_pair)
        except GrantRefused as refused:
            if refused.code in PENDING:
                return None
            raise

    def _post(self, endpoint: str, form: Mapping[str, str], read: Callable[[Answer], T]) -> T:
        try:
            return self._http.call("POST", f"/auth/oauth/{endpoint}", read, form=form, headers=self._headers)
        except PermanentFailure as failure:
            code = _error_code(failure.body)
            raise GrantRefused(PARTNER, f"refused to give tokens ({failure.status} {code})", failure.status, code=code) from None

    def _read_device(self, answer: Answer) -> DeviceRequest:
        page = read_link(answer, "verification_uri", base_url=self._http.base_url)
        return DeviceRequest(
            device_code=read_text(answer, "device_code", longest=LONGEST_TOKEN),
            user_code=read_text(answer, "user_code"),
            verification_uri=page,
            verification_uri_complete=read_link(answer, "verification_uri_complete", base_url=self._http.base_url) or page,
            interval=read_whole(answer, "interval") or 5,
            expires_in=read_whole(answer, "expires_in") or 600,
        )


def auth_url(base_url: str) -> str:
    """Where tokens are given to the API at an address: at the same one without its "api." (https://api.allegro.pl → https://allegro.pl)."""
    parts = urlsplit(base_url)
    return parts._replace(netloc=parts.netloc.removeprefix("api.")).geturl()


def _read_pair(answer: Answer) -> TokenPair:
    expires_in = read_whole(answer, "expires_in")
    if expires_in is None or expires_in <= 0:
        raise ContractBroken("expires_in is no time to live")
    access, refresh = (read_text(answer, name, longest=LONGEST_TOKEN) for name in ("access_token", "refresh_token"))
    return TokenPair(access, refresh, expires_in)


def _error_code(body: str) -> str:
    """The error's word; "" when the answer is none of OAuth's. Never more of the answer, which may quote a token."""
    try:
        code = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return code if isinstance(code, str) and code.replace("_", "").isalpha() and len(code) <= 40 else ""
