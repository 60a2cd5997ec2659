"""Quantities on their way to Allegro's offers, and offers that ended and are put on sale again."""

from __future__ import annotations

import uuid

import pytest

from stocksync.enums import CommandStatus
from stocksync.marketplaces.allegro_rest import AllegroRestClient
from stocksync.marketplaces.base import CommandState, Shown
from tests.partners.allegro_offers import PUBLICATION
from tests.partners.allegro_rest import AllegroRest
from tests.partners.server import PartnerServer
from warehouse.core.partners.errors import PermanentFailure, RetryableFailure, is_answer

NOT_YET = {"taskCount": {"total": 0, "success": 0, "failed": 0}}


def test_a_command_sets_one_offer(client: AllegroRestClient, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    command = uuid.uuid4()
    assert client.push_quantity(command, "77", 4) == CommandState(CommandStatus.ACCEPTED, NOT_YET)
    assert [(row["id"], row["change"], row["offers"]) for row in allegro.commands()] == [(str(command), {"changeType": "FIXED", "value": 4}, ["77"])]
    assert client.command_state(command) == CommandState(
        CommandStatus.SUCCEEDED, {"taskCount": {"total": 1, "success": 1, "failed": 0}, "tasks": [{"offer": "77", "status": "SUCCESS"}]}
    )
    assert allegro.shown("77") == (4, "ACTIVE")


def test_down_and_up_again_is_three_commands(client: AllegroRestClient, allegro: AllegroRest):
    allegro.put_offer("77", 9)
    for quantity in (5, 4, 5):
        command = uuid.uuid4()
        client.push_quantity(command, "77", quantity)
        assert client.command_state(command).status == CommandStatus.SUCCEEDED
        assert allegro.shown("77") == (quantity, "ACTIVE")
    assert [row["change"]["value"] for row in allegro.commands()] == [5, 4, 5]


def test_the_same_id_again_is_one_change(client: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    command = uuid.uuid4()
    allegro_rest.fail("drop", when="after", method="PUT")
    with pytest.raises(RetryableFailure) as caught:
        client.push_quantity(command, "77", 4)
    assert caught.value.ambiguous
    assert client.push_quantity(command, "77", 4).status == CommandStatus.SUCCEEDED
    allegro.sell("77", 1)
    assert client.push_quantity(command, "77", 4).status == CommandStatus.SUCCEEDED
    assert (len(allegro.commands()), allegro.shown("77")) == (1, (3, "ACTIVE"))


def test_zero_counts_mean_not_yet(client: AllegroRestClient, allegro: AllegroRest):
    allegro.slowness = 2
    allegro.put_offer("77", 5)
    command = uuid.uuid4()
    client.push_quantity(command, "77", 4)
    assert [client.command_state(command) for _ in range(2)] == [CommandState(CommandStatus.ACCEPTED, NOT_YET)] * 2
    assert allegro.shown("77") == (5, "ACTIVE")
    assert client.command_state(command).status == CommandStatus.SUCCEEDED
    assert allegro.shown("77") == (4, "ACTIVE")


def give(client: AllegroRestClient, offers: list[str], quantity: int = 4) -> uuid.UUID:
    """A command for several offers, which our own never are."""
    command = uuid.uuid4()
    body = {
        "modification": {"changeType": "FIXED", "value": quantity},
        "offerCriteria": [{"type": "CONTAINS_OFFERS", "offers": [{"id": offer} for offer in offers]}],
    }
    client.request("PUT", f"/sale/offer-quantity-change-commands/{command}", dict, body)
    return command


def test_every_task_is_looked_at(client: AllegroRestClient, allegro: AllegroRest):
    allegro.slowness = None
    for offer in ("1", "2", "3"):
        allegro.put_offer(offer, 5)
    allegro.fail_offer("2", "The offer is being edited.")
    command = give(client, ["1", "2", "3"])
    assert client.command_state(command).status == CommandStatus.ACCEPTED
    allegro.finish(command, "1", "2")
    halfway = client.command_state(command)
    assert (halfway.status, halfway.answer["taskCount"]) == (CommandStatus.ACCEPTED, {"total": 3, "success": 1, "failed": 1})
    allegro.finish(command)
    state = client.command_state(command)
    assert (state.status, state.error) == (CommandStatus.FAILED, "offer 2: The offer is being edited.")
    assert [task["status"] for task in state.answer["tasks"]] == ["SUCCESS", "FAIL", "SUCCESS"]
    assert [allegro.shown(offer)[0] for offer in ("1", "2", "3")] == [4, 5, 4]


def test_the_failure_of_a_task_behind_the_first_page_is_found(client: AllegroRestClient, allegro: AllegroRest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stocksync.marketplaces.allegro_rest.client.TASKS_PAGE", 2)
    for offer in "12345":
        allegro.put_offer(offer, 5)
    allegro.fail_offer("5", "Not now.")
    state = client.command_state(give(client, list("12345")))
    assert (state.status, state.error) == (CommandStatus.FAILED, "offer 5: Not now.")


def test_counts_that_say_done_before_the_tasks_do_mean_not_yet(client: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest):
    allegro.slowness = None
    allegro.put_offer("77", 5)
    command = uuid.uuid4()
    client.push_quantity(command, "77", 4)
    allegro_rest.fail("replace", path="*/" + str(command), values={"taskCount": {"total": 1, "success": 1, "failed": 0}}, times=2)
    assert client.command_state(command).status == CommandStatus.ACCEPTED
    allegro_rest.fail("replace", path="*/tasks", values={"tasks": [{"offer": {"id": "77"}, "status": "NEW"}]})
    assert client.command_state(command).status == CommandStatus.ACCEPTED


@pytest.mark.parametrize(
    ("task", "error"),
    [
        ({"errors": [{"code": "A", "message": "b", "userMessage": "Too early."}, {"code": "X"}]}, "offer 77: Too early., X"),
        ({"errors": [], "message": "Something."}, "offer 77: Something."),
        ({}, "offer 77: no reason is given"),
    ],
)
def test_a_failure_is_told_with_the_tasks_error(client: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, task: dict, error: str):
    allegro.put_offer("77", 5)
    command = uuid.uuid4()
    client.push_quantity(command, "77", 4)
    allegro_rest.fail("replace", path="*/tasks", values={"tasks": [{"offer": {"id": "77"}, "status": "FAIL", **task}]})
    state = client.command_state(command)
    assert (state.status, state.error) == (CommandStatus.FAILED, error)


def test_a_command_that_nobody_gave_is_an_answered_failure(client: AllegroRestClient):
    with pytest.raises(PermanentFailure) as caught:
        client.command_state(uuid.uuid4())
    assert (caught.value.status, is_answer(caught.value)) == (404, True)


def test_a_quantity_that_is_refused_is_an_answered_failure(client: AllegroRestClient, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    with pytest.raises(PermanentFailure, match="value must be from 0 to 99999"):
        client.push_quantity(uuid.uuid4(), "77", 100_000)
    assert allegro.commands() == []


def test_zero_ends_an_offer_and_a_quantity_alone_does_not_bring_it_back(client: AllegroRestClient, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    for quantity, shown in ((0, Shown(0, False)), (3, Shown(3, False))):
        command = uuid.uuid4()
        client.push_quantity(command, "77", quantity)
        assert client.command_state(command).status == CommandStatus.SUCCEEDED
        assert client.read_listing("77") == shown
    revival = uuid.uuid4()
    assert client.revive_listing(revival, "77") == CommandState(CommandStatus.ACCEPTED, NOT_YET)
    assert client.revival_state(revival).status == CommandStatus.SUCCEEDED
    assert client.read_listing("77") == Shown(3, True)
    assert client.revive_listing(revival, "77").status == CommandStatus.SUCCEEDED
    assert len(allegro.commands(PUBLICATION)) == 1


def test_an_offer_without_a_quantity_is_not_revived(client: AllegroRestClient, allegro: AllegroRest):
    allegro.put_offer("77", 0)
    revival = uuid.uuid4()
    client.revive_listing(revival, "77")
    state = client.revival_state(revival)
    assert (state.status, state.error) == (CommandStatus.FAILED, "offer 77: An offer without a quantity can't be activated.")
    assert client.read_listing("77") == Shown(0, False)


def test_allegro_lowers_an_offer_itself(client: AllegroRestClient, allegro: AllegroRest):
    allegro.put_offer("77", 5)
    allegro.sell("77", 2)
    assert client.read_listing("77") == Shown(3, True)
    allegro.sell("77", 3)
    assert client.read_listing("77") == Shown(0, False)
