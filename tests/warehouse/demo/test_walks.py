"""The demo's warehouses can be walked, and their maps show all of their shelves."""

from __future__ import annotations

import pytest

from fulfillment.maps import DESK, draw_map
from fulfillment.models import WalkSettings
from fulfillment.queries.site_layout import layout_of
from fulfillment.services.planning import plan_walk
from tests.factories.fulfillment import person
from warehouse.core.actor import Role
from warehouse.core.errors import PermissionDenied
from warehouse.demo.places import make_sites
from warehouse.demo.walks import WALKS, make_walks

pytestmark = pytest.mark.django_db


def test_every_site_has_a_map_and_walks_of_a_known_length() -> None:
    sites = make_sites()
    with pytest.raises(PermissionDenied):
        make_walks(sites, person(Role.PICKER))
    make_walks(sites, person(Role.MANAGER))
    make_walks(sites, person(Role.MANAGER))
    assert dict(WalkSettings.objects.values_list("warehouse__code", "method")) == {code: values["method"] for code, values in WALKS.items()}
    blocks = {}
    for code, warehouse in sites.items():
        site = layout_of(warehouse.pk)
        shelves = [place for place in site.places.values() if place.is_shelf]
        assert site.layout is not None
        assert {place.id for place in shelves} <= site.spots.keys()
        assert site.layout.depot == site.layout.aisles[2]
        blocks[code] = len(site.layout.cross_aisles) - 1
        plan = plan_walk(warehouse.pk, [place.id for place in shelves])
        assert plan.length is not None
        assert plan.shortest is not None
        assert plan.length >= plan.shortest > 0
        assert draw_map(site, DESK).missing == ()
    assert blocks == {"BEG": 1, "NVS": 2, "SKG": 1}
