"""One HTTP call to a partner: bounded in time and size, repeated by nobody here, its end told by a typed error."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import requests
from django.conf import settings
from django.utils import timezone
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from warehouse.core.partners.addresses import ADDRESS_FORM, TOKEN_FORM, is_base_url, is_token
from warehouse.core.partners.breaker import Circuit, CircuitState
from warehouse.core.partners.errors import LATER_STATUSES, ContractBroken, PermanentFailure, RetryableFailure
from warehouse.core.partners.retry import RETRY_CAP_SECONDS, parse_retry_after

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_ANSWER_BYTES = 1_000_000
KEPT_BODY_CHARACTERS = 2_000
# The partner has told that it did not begin.
UNTOUCHED_STATUSES = frozenset({425, 429})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class BearerToken(AuthBase):
    """The Authorization header. Given even without a token, because requests would otherwise look for a password in ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class PartnerHttp:
    """Calls to one partner.

    `timeout` is (seconds to connect, seconds to wait for the next bytes); the body as a whole gets the second one too. Redirects are not
    followed: an idempotent POST would lose its body or its host, and a token would travel to where it does not belong. Cookies are not
    kept. Tokens, bodies and addresses are not logged. `media_type` is what bodies are and answers are asked for as; `secrets` are other words than the
    token that a refusal must not be quoted with. Not to be shared between threads. Raises ValueError for a base URL or a token that can't be used.
    """

    def __init__(
        self,
        partner: str,
        base_url: str,
        token: str = "",
        *,
        timeout: tuple[float, float],
        retry_after_cap: float = RETRY_CAP_SECONDS,
        max_bytes: int = MAX_ANSWER_BYTES,
        now: Callable[[], datetime] = timezone.now,
        circuit: Circuit | None = None,
        media_type: str = "application/json",
        secrets: Sequence[str] = (),
    ) -> None:
        if not is_base_url(base_url):
            raise ValueError(f"{partner}: {ADDRESS_FORM}")
        self.partner = partner
        self.base_url = base_url.rstrip("/")
        self._media_type = media_type
        self._secrets = [secret for secret in secrets if secret]
        self._timeout = timeout
        self._retry_after_cap = retry_after_cap
        self._max_bytes = max_bytes
        self._now = now
        self._circuit = circuit
        self._session = requests.Session()
        self.use_token(token)
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # A partner on this machine is not reached through the proxy of the environment.
        self._session.trust_env = urlsplit(base_url).hostname not in LOOPBACK
        # Compressed answers are not asked for, so that a small one can't unpack into a huge one.
        self._session.headers.update({"Accept": media_type, "Accept-Encoding": "identity", "User-Agent": "wms"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def use_token(self, token: str) -> None:
        """Send this bearer token from now on ("" for none). Raises ValueError for one that can't be used."""
        token = token.strip()
        if not is_token(token):
            raise ValueError(f"{self.partner}: {TOKEN_FORM}")
        self._token = token
        self._session.auth = BearerToken(token)

    def segment(self, value: str) -> str:
        """The value as one segment of a path. Raises PermanentFailure for one that would change the path's meaning."""
        if value in {"", ".", ".."} or not value.isprintable():
            raise PermanentFailure(self.partner, f"{value[:40]!r} can't be part of a path", None)
        return quote(value, safe="")

    def call(
        self,
        method: str,
        path: str,
        read: Callable[[dict[str, Any]], T],
        *,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        also_retryable: frozenset[int] = frozenset(),
    ) -> T:
        """Make the call once and return what `read` makes of the JSON object that came back ({} when a 2xx answer has no body).

        The body goes out as JSON, or as the fields of a `form`. `also_retryable` are 4xx statuses that mean "later" in this call. Raises RetryableFailure
        (CircuitOpen: nothing was sent), PermanentFailure.
        """
        began = time.monotonic()
        try:
            result, status = self._guarded(lambda: self._call(method, path, read, self._encode(body, form), headers or {}, also_retryable))
        except (RetryableFailure, PermanentFailure) as failure:
            took = (time.monotonic() - began) * 1000
            logger.warning(
                "%s %s failed after %.0f ms: %s", method, path, took, failure, extra={"partner": self.partner, "milliseconds": round(took)}
            )
            raise
        logger.info("%s: %s %s answered %d in %.0f ms", self.partner, method, path, status, (time.monotonic() - began) * 1000)
        return result

    def _guarded(self, work: Callable[[], tuple[T, int]]) -> tuple[T, int]:
        return work() if self._circuit is None else self._circuit.call(work)

    def _call(
        self,
        method: str,
        path: str,
        read: Callable[[dict[str, Any]], T],
        body: tuple[bytes | None, str],
        headers: Mapping[str, str],
        also_retryable: frozenset[int],
    ) -> tuple[T, int]:
        changes = method not in {"GET", "HEAD"}
        data, media_type = body
        sent = dict(headers) | ({} if data is None else {"Content-Type": media_type})
        try:
            with self._session.request(
                method, self.base_url + path, data=data, headers=sent, timeout=self._timeout, allow_redirects=False, stream=True
            ) as response:
                raw = self._read_body(response)
        except (requests.RequestException, HTTPError) as error:
            reached = not _never_sent(error)
            raise RetryableFailure(self.partner, _describe(error), ambiguous=changes and reached) from error
        except ContractBroken as error:
            raise RetryableFailure(self.partner, str(error), ambiguous=changes, status=response.status_code) from error
        status = response.status_code
        if 200 <= status < 300:
            try:
                return read(_parse(raw)), status
            except ContractBroken as error:
                raise RetryableFailure(self.partner, f"answered {status}, but {error}", ambiguous=changes, status=status) from error
        if 400 <= status < 500 and status not in LATER_STATUSES | also_retryable:
            text = self._printable(raw)
            raise PermanentFailure(self.partner, f"refused with {status}: {text[:200]}", status, text[:KEPT_BODY_CHARACTERS])
        raise RetryableFailure(
            self.partner,
            f"answered with a redirect ({status}), which is not followed" if 300 <= status < 400 else f"answered {status}",
            retry_after=parse_retry_after(response.headers.get("Retry-After"), now=self._now(), cap=self._retry_after_cap),
            ambiguous=changes and status not in UNTOUCHED_STATUSES,
            status=status,
        )

    def _encode(self, body: Mapping[str, Any] | None, form: Mapping[str, str] | None) -> tuple[bytes | None, str]:
        if form is not None:
            return urlencode(form).encode(), "application/x-www-form-urlencoded"
        return None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode(), self._media_type

    def _read_body(self, response: requests.Response) -> bytes:
        """The body, as long as it stays small and comes in time. Raises ContractBroken."""
        deadline = time.monotonic() + self._timeout[1]
        raw = b""
        # read1 gives what one system call brings: a partner that drips single bytes meets the deadline.
        while chunk := response.raw.read1(65_536, decode_content=False):
            raw += chunk
            if len(raw) > self._max_bytes:
                raise ContractBroken(f"the answer is longer than {self._max_bytes} bytes")
            if time.monotonic() > deadline:
                raise ContractBroken("the answer did not end in time")
        return raw

    def _printable(self, raw: bytes) -> str:
        """A refusal's text on one line for people, without the token and other secrets should the partner have echoed them."""
        text = " ".join(raw[: 4 * KEPT_BODY_CHARACTERS].decode(errors="replace").split())
        for secret in filter(None, [self._token, *self._secrets]):
            text = text.replace(secret, "***")
        return "".join(sign if sign.isprintable() else "�" for sign in text)


class PartnerClient:
    """Calls to one partner. Each makes one request and raises RetryableFailure or PermanentFailure. Close it, or use `with`.

    `partner` is its name for people; `setting` begins the names of the two settings: DELIVERY for DELIVERY_URL and DELIVERY_TOKEN.
    """

    partner: ClassVar[str]
    setting: ClassVar[str]

    def __init__(self, http: PartnerHttp) -> None:
        self._http = http

    @classmethod
    def from_settings(cls) -> Self:
        """The client as the settings say."""
        url, token = getattr(settings, f"{cls.setting}_URL"), getattr(settings, f"{cls.setting}_TOKEN")
        return cls(PartnerHttp(cls.partner, url, token, timeout=settings.PARTNER_TIMEOUT_SECONDS, circuit=Circuit(cls.partner, url)))

    @classmethod
    def circuit_state(cls) -> CircuitState:
        """How the circuit to this partner stands, as all workers see it."""
        return Circuit(cls.partner, getattr(settings, f"{cls.setting}_URL")).state()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()


def longest_call(requests: int, turn: float = 0.0) -> timedelta:
    """How long a call of so many requests may take: each waits for its turn (so many seconds), connects, waits for an answer and for its end."""
    connect, read = settings.PARTNER_TIMEOUT_SECONDS
    return timedelta(seconds=requests * (turn + connect + 2 * read))


def _parse(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body; fractions become exact decimals. Raises ContractBroken."""
    if not raw.strip():
        return {}
    try:
        data = json.loads(raw, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise ContractBroken("the answer is not JSON") from error
    if not isinstance(data, dict):
        raise ContractBroken("the answer is not a JSON object")
    return data


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _never_sent(error: Exception) -> bool:
    """Is it certain that the partner did not get the request?"""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    return isinstance(error, requests.ConnectionError) and any(isinstance(getattr(part, "reason", part), NewConnectionError) for part in error.args)


def _describe(error: Exception) -> str:
    """The error in the words of an operator."""
    if isinstance(error, requests.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS connection failed"
    if isinstance(error, requests.Timeout | ReadTimeoutError):
        return "no answer in time"
    if _never_sent(error):
        return "can't be reached"
    return f"the connection was lost ({type(error).__name__})"
