"""Access tokens of channels: one that lives long enough, refreshed by one worker for all; and the device flow that connects a channel.

Claim (transaction), call (outside), record (transaction). A failure is told as the failure of a call, without any token in it.
"""

from __future__ import annotations

import time

from django.conf import settings

from stocksync.marketplaces.allegro_rest.client import PARTNER
from stocksync.marketplaces.allegro_rest.oauth import DeviceRequest, GrantRefused, OAuthClient, TokenPair
from stocksync.models import Channel
from stocksync.services.background import ACTOR
from stocksync.services.credentials import (
    Refresh,
    application_of,
    claim_refresh,
    current_token,
    record_connection,
    record_refresh,
    record_refusal,
    release_refresh,
)
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, DomainError, NotFound
from warehouse.core.partners.errors import PartnerFailure, PermanentFailure, RetryableFailure

# The refresh token was used up, has ended, or the seller has taken the right away (RFC 6749).
ENDED = "invalid_grant"
WAIT_SECONDS = 5.0
LOOK_SECONDS = 0.1


class NotConnected(PermanentFailure):
    """The channel has no tokens that help: a person has to connect it (anew) before anything can be asked there."""


def access_token(channel_id: int) -> str:
    """An access token that lives for a while yet; refreshed first, if need be.

    Raises NotConnected, and RetryableFailure when it can't be refreshed now.
    """
    return _token(channel_id) or _refreshed(channel_id, "")


def renew(channel_id: int, refused: str) -> str:
    """Another access token than the one that was refused: what somebody else has got meanwhile, or a refreshed one. Raises as `access_token` does."""
    standing = _token(channel_id)
    return standing if standing and standing != refused else _refreshed(channel_id, refused)


def connect_begin(channel_id: int) -> DeviceRequest:
    """Begin to connect a channel: the seller is to confirm on the page that is named. Keep the device code for `connect_finish`, where nobody sees it.

    Raises NotFound for a channel without an application, GrantRefused when Allegro does not know it, RetryableFailure.
    """
    application = application_of(channel_id)
    with OAuthClient(_base_url(channel_id), application.client_id, application.client_secret) as oauth:
        return oauth.begin_device()


def connect_finish(channel_id: int, device_code: str, *, actor: Actor) -> bool:
    """Whether the seller has confirmed: then the channel's tokens are kept. Ask again after the interval as long as that one has not answered.

    Raises GrantRefused when the seller said no or the time is over, RetryableFailure, Conflict.
    """
    application = application_of(channel_id)
    with OAuthClient(_base_url(channel_id), application.client_id, application.client_secret, hide=device_code) as oauth:
        pair = oauth.finish_device(device_code)
    if pair is None:
        return False
    record_connection(channel_id, application.client_id, pair.access_token, pair.refresh_token, pair.expires_in, actor=actor)
    return True


def _token(channel_id: int) -> str:
    try:
        return current_token(channel_id)
    except DomainError as error:
        raise NotConnected(PARTNER, error.detail, 401) from None


def _refreshed(channel_id: int, stale: str) -> str:
    """The token after the refresh that this worker, or another one, does now."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            claim = claim_refresh(channel_id, stale, actor=ACTOR)
        except (NotFound, Conflict) as error:
            raise NotConnected(PARTNER, error.detail, 401) from None
        if claim is not None:
            return claim.fresh or _refresh(channel_id, claim)
        if time.monotonic() > deadline:
            raise RetryableFailure(PARTNER, "another worker is still renewing the channel's token", retry_after=WAIT_SECONDS)
        time.sleep(LOOK_SECONDS)


def _refresh(channel_id: int, claim: Refresh) -> str:
    """Use a claim: ask, then keep both tokens at once. Whatever the call ends in, the claim does not outlive it."""
    used, application = claim.refresh_token, claim.application
    try:
        with OAuthClient(_base_url(channel_id), application.client_id, application.client_secret, hide=used) as oauth:
            pair = _pair(oauth, used)
    except GrantRefused as refused:
        if refused.code == ENDED:
            record_refusal(channel_id, used, actor=ACTOR)
            raise NotConnected(PARTNER, "the channel's tokens are not taken any more: connect the channel anew", 401) from None
        release_refresh(channel_id, used, actor=ACTOR)
        raise
    except PartnerFailure:
        release_refresh(channel_id, used, actor=ACTOR)
        raise
    return record_refresh(channel_id, used, pair.access_token, pair.refresh_token, pair.expires_in, actor=ACTOR)


def _pair(oauth: OAuthClient, used: str) -> TokenPair:
    """The new pair. A lost answer is asked for again at once: later the used token would be dead, and the new one unknown."""
    try:
        return oauth.refresh(used)
    except RetryableFailure as failure:
        if not failure.ambiguous:
            raise
        return oauth.refresh(used)


def _base_url(channel_id: int) -> str:
    return Channel.objects.values_list("base_url", flat=True).get(pk=channel_id) or settings.ALLEGRO_REST_BASE_URL
