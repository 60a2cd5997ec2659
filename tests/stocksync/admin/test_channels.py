"""Channels at the back office: set up, switched, connected, read; levels and reports."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from stocksync.models import Channel, ChannelCredentials, ListingLevel, SyncReport
from stocksync.services.credentials import decrypt
from stocksync.services.reports import generate_sync_report
from tests.factories.inventory import ACTOR, ProductFactory, site, stocked
from tests.factories.office import dialog, office, page, steps_offered, take
from tests.factories.stocksync import channel_at, elsewhere, owed, told
from tests.partners.server import PartnerServer
from warehouse.core.actor import Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]

ADD = "/admin/stocksync/channel/add/"


def rest_channel() -> Channel:
    return channel_at(site(), kind="allegro_rest", token_id="")


def test_a_channel_is_set_up_and_changed():
    manager, house = office(Role.MANAGER), site()
    form = {"code": "shop-pl", "name": "Shop", "kind": "allegro_microservice", "fulfilment": "warehouse", "warehouse": house.warehouse.pk}
    form |= {"token_id": "", "base_url": "", "safety_buffer": "3", "seen_version": ""}
    refused = manager.post(ADD, form, follow=True).content.decode()
    assert "the microservice asks which account it is" in refused
    manager.post(ADD, form | {"token_id": "account-7"})
    channel = Channel.objects.get()
    assert (channel.code, channel.mode, channel.safety_buffer) == ("shop-pl", "off", 3)
    manager.post(page(channel), form | {"token_id": "account-7", "name": "The shop", "code": "other", "seen_version": channel.version})
    channel.refresh_from_db()
    assert (channel.name, channel.code, channel.safety_buffer) == ("The shop", "shop-pl", 3)
    late = manager.post(page(channel), form | {"token_id": "account-7", "name": "Too late", "seen_version": channel.version - 1}, follow=True)
    assert "changed meanwhile" in late.content.decode()
    assert Channel.objects.get().name == "The shop"


def test_it_is_switched_both_ways_and_says_what_that_does():
    manager, channel = office(Role.MANAGER), channel_at(site())
    owed(channel)
    offered = steps_offered(manager, channel)
    assert offered == ["read-now", "compare-now", "switch-shadow", "switch-off"]
    assert "they are kept, and told when it is on again" in manager.get(dialog(channel, "switch_off")).content.decode()
    for mode in ("off", "shadow", "on"):
        take(manager, Channel.objects.get(), f"switch_{mode}")
        assert Channel.objects.get().mode == mode
    assert "read-now" not in steps_offered(manager, channel_at(site(), mode="off"))
    assert steps_offered(office(Role.VIEWER), channel) == []


def test_reading_and_comparing_are_asked_of_a_worker(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks):
    manager, channel = office(Role.MANAGER), channel_at(site())
    answer = manager.post(dialog(channel, "read_now"), {"expected_version": -1}, follow=True)
    assert "read now – done" in answer.content.decode()
    answer = manager.post(dialog(channel, "compare_now"), {"expected_version": -1}, follow=True)
    assert "compare now – done" in answer.content.decode()


def test_credentials_are_kept_and_never_shown():
    manager, channel = office(Role.MANAGER), rest_channel()
    take(manager, channel, "credentials", version=-1, client_id="app-1", client_secret="open sesame")
    assert decrypt(ChannelCredentials.objects.get().client_secret) == "open sesame"
    for url in (page(channel), dialog(channel, "credentials"), dialog(channel, "connect")):
        assert "open sesame" not in manager.get(url).content.decode()
    assert "the seller has not let us in yet" in manager.get(page(channel)).content.decode()


def test_a_channel_is_connected_by_its_seller(allegro_rest: PartnerServer):
    manager, viewer, channel = office(Role.MANAGER), office(Role.VIEWER), rest_channel()
    Channel.objects.update(base_url=allegro_rest.url)
    take(manager, channel, "credentials", version=-1, client_id="warehouse-for-tests", client_secret="secret-of-the-application")
    connect = dialog(channel, "connect")
    assert viewer.get(connect).status_code == 403
    begun = manager.post(connect, {"begin": "1"}, follow=True).content.decode()
    code = allegro_rest.partner.ledger.table("devices")[0]
    assert code["user_code"] in begun
    assert code["device_code"] not in begun
    assert "has not confirmed it yet" in manager.post(connect, {"finish": "1"}, follow=True).content.decode()
    allegro_rest.partner.confirm(code["user_code"])
    shown = manager.post(connect, {"finish": "1"}, follow=True).content.decode()
    assert "is connected" in shown
    kept = ChannelCredentials.objects.get()
    assert decrypt(kept.access_token) not in shown
    assert "connected as warehouse-for-tests" in manager.get(page(channel)).content.decode()


def test_what_the_marketplace_refuses_is_said(allegro_rest: PartnerServer):
    manager, channel = office(Role.MANAGER), rest_channel()
    Channel.objects.update(base_url=allegro_rest.url)
    answer = manager.post(dialog(channel, "connect"), {"begin": "1"}, follow=True).content.decode()
    assert "has no credentials" in answer
    assert "too old" in manager.post(dialog(channel, "connect"), {"finish": "1"}, follow=True).content.decode()


def test_a_product_is_listed_and_its_level_explained():
    manager, house = office(Role.MANAGER), site()
    product = ProductFactory()
    stocked(product, house.shelf, 9)
    channel = elsewhere(house, kind="allegro_rest", safety_buffer=2)
    take(manager, channel, "list_product", version=-1, offer_id="77001", sku=product.sku)
    level = ListingLevel.objects.get()
    assert level.wanted == 7
    shown = manager.get(page(level)).content.decode()
    assert "What does the marketplace show?" in shown
    assert "sellable 9 − buffer 2 = 7" in shown
    take(manager, level, "buffer", version=-1, safety_buffer="4")
    assert ListingLevel.objects.get().wanted == 5
    before = ListingLevel.objects.get().version
    take(manager, level, "push", version=-1)
    assert ListingLevel.objects.get().version == before + 1
    take(manager, level, "unlist", version=-1)
    assert steps_offered(manager, ListingLevel.objects.get()) == []
    assert steps_offered(office(Role.VIEWER), level) == []


def test_a_report_tells_inside_and_outside_apart():
    viewer = office(Role.VIEWER)
    told(owed(channel_at(site())))
    now = timezone.now()
    generate_sync_report(now - timedelta(hours=1), now, actor=ACTOR)
    shown = viewer.get(page(SyncReport.objects.get())).content.decode()
    assert "100 %" in shown
    assert 'data-type="bar"' in shown
    assert "No marketplace left 3 orders or more in a row without an answer." in shown
