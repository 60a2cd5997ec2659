"""A call that may arrive twice has its effect once."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from tests.warehouse.outbox.conftest import ACTOR
from warehouse.core.actor import Actor
from warehouse.core.errors import Conflict, Unprocessable, ValidationFailed
from warehouse.core.transactions import operation, run_once
from warehouse.outbox.claims import IdempotencyClaim, InboxClaim, fingerprint_of
from warehouse.outbox.models import IdempotencyKey, InboxEntry, Subscription

pytestmark = pytest.mark.django_db(transaction=True)


@operation()
def make(
    name: str, *, actor: Actor, broken: bool = False, inside: threading.Event | None = None, go_on: threading.Event | None = None
) -> Subscription:
    made = Subscription.objects.create(name=name)
    if broken:
        raise ValidationFailed("refused")
    if inside and go_on:
        inside.set()
        assert go_on.wait(10)
    return made


def claim(body: object, *, client: str = "shop", key: str = "k1") -> IdempotencyClaim:
    return IdempotencyClaim(client, key, fingerprint_of(body))


def call(body: dict[str, str], **kwargs: object) -> object:
    return run_once(claim(body), make, body["name"], actor=ACTOR, render=lambda made: {"name": made.name}, **kwargs)


def test_the_same_call_gets_the_first_answer() -> None:
    assert call({"name": "a", "note": "x"}) == {"name": "a"}
    assert call({"note": "x", "name": "a"}) == {"name": "a"}
    assert Subscription.objects.count() == 1


def test_the_same_key_with_another_body_is_refused() -> None:
    call({"name": "a"})
    with pytest.raises(Unprocessable):
        call({"name": "b"})
    assert list(Subscription.objects.values_list("name", flat=True)) == ["a"]


def test_keys_belong_to_their_client() -> None:
    call({"name": "a"})
    other = claim({"name": "b"}, client="another shop")
    assert run_once(other, make, "b", actor=ACTOR, render=lambda made: {"name": made.name}) == {"name": "b"}


def test_a_failure_keeps_nothing_and_may_be_tried_again() -> None:
    with pytest.raises(ValidationFailed):
        call({"name": "a"}, broken=True)
    assert (IdempotencyKey.objects.count(), Subscription.objects.count()) == (0, 0)
    assert call({"name": "a"}) == {"name": "a"}


def test_a_call_that_still_runs_is_a_conflict() -> None:
    inside, go_on = threading.Event(), threading.Event()
    answers: list[object] = []
    first = threading.Thread(target=lambda: (answers.append(call({"name": "a"}, inside=inside, go_on=go_on)), connection.close()))
    first.start()
    assert inside.wait(10)
    with pytest.raises(Conflict, match="still running"):
        call({"name": "a"})
    go_on.set()
    first.join(10)
    assert answers == [{"name": "a"}]
    assert call({"name": "a"}) == {"name": "a"}


def test_a_stream_entry_is_taken_once_and_again_after_a_failure() -> None:
    entry = InboxClaim("stream", "1-0")
    with pytest.raises(ValidationFailed):
        run_once(entry, make, "a", actor=ACTOR, broken=True, render=lambda made: made.name)
    assert InboxEntry.objects.count() == 0
    assert run_once(entry, make, "a", actor=ACTOR, render=lambda made: made.name) == "a"
    assert run_once(entry, make, "a", actor=ACTOR, render=lambda made: made.name) == {"repeated": True}
    assert run_once(InboxClaim("another", "1-0"), make, "b", actor=ACTOR, render=lambda made: made.name) == "b"
