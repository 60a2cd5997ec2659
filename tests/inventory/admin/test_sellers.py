"""Sellers in the back office: their rows are written by operations alone."""

from __future__ import annotations

import pytest

from inventory.admin.sellers import SellerAdmin
from inventory.models import Seller
from inventory.services.sellers import change_seller, create_seller, set_members
from tests.factories.inventory import ACTOR
from tests.factories.office import clerk, listing, office, page
from warehouse.core.actor import Actor, Role
from warehouse.core.admin_forms import SavedByOperations
from warehouse.core.errors import Conflict, NotFound, PermissionDenied

pytestmark = pytest.mark.django_db


def test_a_manager_keeps_sellers_and_their_members() -> None:
    client, first, second = office(Role.MANAGER), clerk(Role.SELLER, staff=False), clerk(Role.SELLER, staff=False)
    assert client.post(f"{listing(Seller)}add/", {"code": "S1", "name": "One", "members": [first.pk]}).status_code == 302
    seller = Seller.objects.get()
    assert (seller.code, list(seller.members.all())) == ("S1", [first])
    assert client.post(page(seller), {"code": "S1", "name": "Two", "members": [first.pk, second.pk]}).status_code == 302
    seller.refresh_from_db()
    assert (seller.name, set(seller.members.all())) == ("Two", {first, second})
    client.post(page(seller), {"code": "S1", "name": "Two", "members": []})
    assert not seller.members.exists()
    assert issubclass(SellerAdmin, SavedByOperations)


def test_what_is_refused() -> None:
    seller = create_seller({"code": "S1", "name": "One"}, actor=ACTOR)
    with pytest.raises(Conflict):
        create_seller({"code": "S1", "name": "Again"}, actor=ACTOR)
    with pytest.raises(NotFound):
        set_members(10**9, [], actor=ACTOR)
    stranger = clerk(Role.RECEIVER)
    for call in (
        lambda actor: create_seller({"code": "S2", "name": "Two"}, actor=actor),
        lambda actor: change_seller(seller.pk, {"name": "Two"}, actor=actor),
        lambda actor: set_members(seller.pk, [stranger.pk], actor=actor),
    ):
        with pytest.raises(PermissionDenied):
            call(Actor.of_user(stranger))
