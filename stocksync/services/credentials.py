"""The OAuth tokens of channels: kept encrypted, replaced both at once, by one refresher at a time. No HTTP is done here (see `flows.tokens`).

A refresh token is taken once. Whoever is killed after the marketplace answered and before the new pair was kept has lost it; but the used one answers the
same pair for 60 seconds, and the claim lapses before that, so that the next one asks again with it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils import timezone

from stocksync.locks import lock_credentials
from stocksync.models import Channel, ChannelCredentials
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, NotFound, ValidationFailed
from warehouse.core.transactions import lost_race_on, operation

# Two that store the first credentials of a channel at once: the second one starts again and finds them.
lost_race_on(["stocksync_channelcredentials_channel_id_key"])

# Longer than one call to the token endpoint can take, and shorter than the 60 s that a used refresh token lives, with time to make the call again.
LEASE = timedelta(seconds=25)
# A token that is so near its end may end on its way.
MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Application:
    """The application that a channel is reached as."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refresh:
    """The right to refresh, and what it takes. `fresh` is the access token that somebody else has got meanwhile: then there is nothing to do."""

    application: Application
    refresh_token: str = field(repr=False)
    fresh: str = field(repr=False, default="")


@operation()
def store_application(channel_id: int, client_id: str, client_secret: str, *, actor: Actor) -> None:
    """Keep the application that a channel is reached as. Tokens of another application help no more and are thrown away.

    Locks the credentials. Raises NotFound, ValidationFailed.
    """
    missing = [name for name, value in (("client_id", client_id), ("client_secret", client_secret)) if not value.strip()]
    if missing or len(client_id.strip()) > 100:
        errors = [{"field": name, "code": "required"} for name in missing] or [{"field": "client_id", "code": "too_long"}]
        raise ValidationFailed("Give the client id and the secret of the application as Allegro shows them.", errors=errors)
    if not Channel.objects.filter(pk=channel_id).exists():
        raise NotFound(f"There is no channel {channel_id}.", kind="channel", id=channel_id)
    row = lock_credentials(channel_id) or ChannelCredentials(channel_id=channel_id)
    if row.client_id != client_id.strip():
        row.access_token = row.refresh_token = b""
        row.expires_at = row.refreshed_at = row.refused_at = row.claimed_until = None
    row.client_id, row.client_secret = client_id.strip(), encrypt(client_secret.strip())
    row.save()


@operation()
def claim_refresh(channel_id: int, stale: str, *, actor: Actor) -> Refresh | None:
    """Become the one who replaces an access token that is `stale`; None while somebody else is. The claim lapses after LEASE.

    Locks the credentials. Raises NotFound for a channel without credentials, Conflict for one that has to be connected (anew).
    """
    row = _require(channel_id)
    _require_connected(row)
    application = _application(row)
    access = decrypt(row.access_token)
    if access and access != stale and is_fresh(row):
        return Refresh(application, "", fresh=access)
    now = timezone.now()
    if row.claimed_until is not None and row.claimed_until > now:
        return None
    row.claimed_until = now + LEASE
    row.save(update_fields=["claimed_until"])
    return Refresh(application, decrypt(row.refresh_token))


@operation()
def record_refresh(channel_id: int, used: str, access_token: str, refresh_token: str, expires_in: int, *, actor: Actor) -> str:
    """Keep a pair that the refresh token `used` brought, both tokens at once, and give the claim back. Returns the access token that stands.

    A refresher who was so slow that another one has replaced the pair since changes nothing. `expires_in` in seconds. Locks the credentials.
    """
    row = _require(channel_id)
    if decrypt(row.refresh_token) == used:
        _keep(row, access_token, refresh_token, expires_in)
    return decrypt(row.access_token)


@operation()
def record_connection(channel_id: int, client_id: str, access_token: str, refresh_token: str, expires_in: int, *, actor: Actor) -> None:
    """Keep the first pair after the seller let the application in. Locks the credentials. Raises Conflict when that was another application."""
    row = _require(channel_id)
    if row.client_id != client_id:
        raise Conflict("The application of the channel was changed meanwhile: connect the channel once more.")
    _keep(row, access_token, refresh_token, expires_in)


@operation()
def record_refusal(channel_id: int, used: str, *, actor: Actor) -> None:
    """The refresh token `used` helps no more: a person has to connect the channel anew. Nothing when the pair was replaced since. Locks the credentials."""
    row = _require(channel_id)
    if decrypt(row.refresh_token) == used:
        row.refused_at, row.claimed_until = timezone.now(), None
        row.save(update_fields=["refused_at", "claimed_until"])


@operation()
def release_refresh(channel_id: int, used: str, *, actor: Actor) -> None:
    """Give the claim back without a new pair, so that the next one may try at once. Locks the credentials."""
    row = _require(channel_id)
    if decrypt(row.refresh_token) == used:
        row.claimed_until = None
        row.save(update_fields=["claimed_until"])


def current_token(channel_id: int) -> str:
    """The access token that stands, "" when it is to be refreshed. One statement, no lock. Raises NotFound, Conflict as `claim_refresh` does."""
    row = ChannelCredentials.objects.filter(channel=channel_id).first() or _missing(channel_id)
    _require_connected(row)
    return decrypt(row.access_token) if is_fresh(row) else ""


def application_of(channel_id: int) -> Application:
    """The application that a channel is reached as. Raises NotFound."""
    return _application(ChannelCredentials.objects.filter(channel=channel_id).first() or _missing(channel_id))


def is_fresh(row: ChannelCredentials) -> bool:
    """Whether the access token lives on for a while."""
    return row.expires_at is not None and row.expires_at - timezone.now() > MARGIN


def encrypt(secret: str) -> bytes:
    """A secret as it is kept; nothing stays nothing."""
    return _cipher().encrypt(secret.encode()) if secret else b""


def decrypt(kept: bytes | memoryview) -> str:
    """A secret that was kept. Raises Conflict when none of the keys opens it."""
    if not bytes(kept):
        return ""
    try:
        return _cipher().decrypt(bytes(kept)).decode()
    except InvalidToken:
        detail = "The channel's secrets can't be read with the keys of CREDENTIALS_KEY: add the key they were kept with, or enter them anew."
        raise Conflict(detail) from None


def _cipher() -> MultiFernet:
    """The first key encrypts, all decrypt. Without any, one made from SECRET_KEY (HKDF, RFC 5869)."""
    keys = settings.CREDENTIALS_KEY or [_derived(settings.SECRET_KEY)]
    return MultiFernet([Fernet(key) for key in keys])


def _derived(secret: str) -> str:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"wms channel credentials").derive(secret.encode())
    return base64.urlsafe_b64encode(key).decode()


def _application(row: ChannelCredentials) -> Application:
    return Application(row.client_id, decrypt(row.client_secret))


def _keep(row: ChannelCredentials, access_token: str, refresh_token: str, expires_in: int) -> None:
    now = timezone.now()
    row.access_token, row.refresh_token = encrypt(access_token), encrypt(refresh_token)
    row.refreshed_at, row.expires_at = now, now + timedelta(seconds=expires_in)
    row.claimed_until = row.refused_at = None
    row.save(update_fields=["access_token", "refresh_token", "refreshed_at", "expires_at", "claimed_until", "refused_at"])


def _require_connected(row: ChannelCredentials) -> None:
    if row.refused_at is not None:
        raise Conflict("Allegro takes this channel's tokens no more: connect the channel anew.", refused_at=row.refused_at.isoformat())
    if not bytes(row.refresh_token):
        raise Conflict("This channel is not connected yet: let the seller confirm it at Allegro.")


def _require(channel_id: int) -> ChannelCredentials:
    return lock_credentials(channel_id) or _missing(channel_id)


def _missing(channel_id: int) -> ChannelCredentials:
    raise NotFound(
        "This channel has no credentials: give it the client id and the secret of an application.", kind="channelcredentials", id=channel_id
    )
