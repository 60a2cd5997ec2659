"""Channels set up and changed."""

from __future__ import annotations

import pytest

from stocksync.enums import ChannelKind
from stocksync.models import Channel
from stocksync.services.channels import change_channel, create_channel
from tests.factories.inventory import ACTOR, WarehouseFactory
from tests.factories.stocksync import ChannelFactory
from warehouse.core.errors import ValidationFailed

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "url", ["http://name:hidden-word@example.test", "ftp://example.test", "http://example.test/?x=1", "http://example.test:99999"]
)
def test_an_address_that_no_client_takes_is_refused_where_it_is_entered(url: str):
    with pytest.raises(ValidationFailed) as refused:
        create_channel(code="new", kind=ChannelKind.ALLEGRO_REST, warehouse_id=WarehouseFactory().pk, name="New", base_url=url, actor=ACTOR)
    assert refused.value.errors[0]["field"] == "base_url"
    assert "hidden-word" not in refused.value.detail
    assert not Channel.objects.exists()
    channel = ChannelFactory()
    with pytest.raises(ValidationFailed):
        change_channel(channel.pk, {"base_url": url}, actor=ACTOR)
    assert change_channel(channel.pk, {"base_url": "https://example.test:8443/allegro"}, actor=ACTOR).base_url == "https://example.test:8443/allegro"
