"""Clients of the Allegro that tests run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Protocol, cast

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from stocksync.marketplaces.allegro_rest import AllegroRestClient
from stocksync.marketplaces.allegro_rest.limits import SharedLimits
from tests.partners.allegro_rest import AllegroRest
from tests.partners.server import PartnerServer

READ_SECONDS = 2.0


class ClientFor(Protocol):
    """Makes clients that are closed after the test; by default with a token that is taken."""

    def __call__(
        self, access_token: Callable[[], str] = ..., renew: Callable[[str], str] = ..., *, limits: SharedLimits | None = None
    ) -> AllegroRestClient: ...


@pytest.fixture
def allegro(allegro_rest: PartnerServer) -> AllegroRest:
    """What Allegro knows and does."""
    return cast(AllegroRest, allegro_rest.partner)


@pytest.fixture
def client_for(allegro_rest: PartnerServer, settings: Settings, redis: Redis) -> Iterator[ClientFor]:
    settings.PARTNER_TIMEOUT_SECONDS = (1, READ_SECONDS)

    def never(refused: str) -> str:
        raise AssertionError(f"{refused} was refused")

    with ExitStack() as stack:

        def make(
            access_token: Callable[[], str] = lambda: allegro_rest.token,
            renew: Callable[[str], str] = never,
            *,
            limits: SharedLimits | None = None,
        ) -> AllegroRestClient:
            return stack.enter_context(AllegroRestClient(allegro_rest.url, access_token, renew, limits=limits))

        yield make


@pytest.fixture
def client(client_for: ClientFor) -> AllegroRestClient:
    return client_for()
