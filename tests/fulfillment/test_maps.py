"""Maps: what is drawn, of whole warehouses and of walks, how large and how fast."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from fulfillment.maps import DESK, PHONE, Stop, draw_map
from fulfillment.maps.scale import scale_for
from fulfillment.maps.way import drawn
from fulfillment.models import WalkSettings
from fulfillment.queries.site_layout import SiteLayout, make_layout
from inventory.enums import LocationKind
from inventory.orchestrator import SitePlace

SVG = "{http://www.w3.org/2000/svg}"
_ids = count(1)


def place(code: str, x: Any = None, y: Any = None, *, kind: str = LocationKind.STORAGE, **more: Any) -> SitePlace:
    values: dict[str, Any] = {"zone": "", "condition": "ambient", "aisle": "", "bay": "", "level": "", "pick_sequence": 0, "is_active": True}
    metres = [None if value is None else Decimal(str(value)) for value in (x, y)]
    return SitePlace(id=next(_ids), code=code, kind=kind, x=metres[0], y=metres[1], **values | more)


def hall(aisles: int, bays: int, levels: int = 1, **settings: Any) -> SiteLayout:
    """Aisles 3 m apart with a dock and a bench before them."""
    shelves = [
        place(f"{a:02}-{b:02}-{level}", 3 * a, b, aisle=f"{a:02}", condition=("ambient", "chilled", "frozen")[a % 3])
        for a in range(aisles)
        for b in range(1, bays + 1)
        for level in range(levels)
    ]
    others = [
        place("DOCK", 0, 0, kind=LocationKind.RECEIVING),
        place("PACK", 3, 0, kind=LocationKind.PACKING),
        place("LOST", kind=LocationKind.SHIPPING),
    ]
    return make_layout(WalkSettings(bay_length=Decimal(1), cold_last=False, **settings), [*shelves, *others])


def of(site: SiteLayout, *codes: str, done: int = 0) -> list[Stop]:
    ids = {known.code: known.id for known in site.places.values()}
    return [Stop(ids[code], number, number <= done) for number, code in enumerate(codes, start=1)]


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in ET.fromstring(svg).iter(f"{SVG}text")]


def test_a_whole_hall_has_its_shelves_aisles_docks_and_a_legend() -> None:
    picture = draw_map(hall(3, 4, levels=2), DESK)
    root = ET.fromstring(picture.svg)
    shelves = [group for group in root.iter(f"{SVG}g") if group.get("fill") in ("#d9bf8c", "#8cc3ee", "#8a93e0")]
    assert [len(list(group)) for group in shelves] == [4, 4, 4]
    assert next(title.text for title in root.iter(f"{SVG}title")) == "00-01-0, 00-01-1"
    assert texts(picture.svg) == ["00", "01", "02", "DOCK", "PACK", "room temperature", "chilled", "frozen", "packing bench", "receiving dock"]
    assert root.find(f"{SVG}polyline") is None
    assert picture.missing == ()
    _left, _top, width, height = map(float, (root.get("viewBox") or "").split())
    assert (width, height < 700) == (1100, True)


def test_nothing_in_it_needs_a_style_or_a_script() -> None:
    site = hall(3, 4)
    svg = draw_map(site, PHONE, of(site, "00-01-0", "02-02-0", done=1)).svg
    assert not re.search(r"style=|<style|<script|href=|\son\w+=|url\(", svg)


def test_names_are_written_as_text() -> None:
    site = make_layout(WalkSettings(), [place("<b>&\"'", 0, 1, aisle="<i>"), place("<script>", 0, 0, kind=LocationKind.PACKING)])
    svg = draw_map(site, DESK).svg
    assert "<b>" not in svg
    assert {"<i>", "<script>"} <= set(texts(svg))


def test_the_way_leads_from_where_one_stands_through_the_stops_that_are_left() -> None:
    site = hall(3, 9)
    stops = of(site, "00-02-0", "00-08-0", "01-08-0", "02-03-0", done=1)
    picture = draw_map(site, PHONE, stops, standing_at=stops[0].location_id)
    root = ET.fromstring(picture.svg)
    assert texts(picture.svg)[-4 - 5 : -5] == ["1", "4", "3", "2"]
    fills = [(rect.get("fill"), float(rect.get("height") or 0)) for rect in root.iter(f"{SVG}rect") if rect.get("stroke") == "#fff"]
    assert [fill for fill, _ in fills] == ["#6b7682", "#0b4f9e", "#0b4f9e", "#c2410c"]
    assert max(fills, key=lambda entry: entry[1])[0] == "#c2410c"
    line = next(root.iter(f"{SVG}polyline")).get("points") or ""
    assert len(line.split()) == 9


def test_the_way_is_drawn_as_its_method_walks_it() -> None:
    tops = {}
    for method in ("exact", "s_shape", "sequence"):
        site = hall(2, 9, method=method)
        picture = draw_map(site, DESK, of(site, "01-01-0", "00-01-0"))
        line = (next(ET.fromstring(picture.svg).iter(f"{SVG}polyline")).get("points") or "").split()
        tops[method] = min(float(point.split(",")[1]) for point in line)
    # Both aisles are entered from the front, or walked through; the order of the stops is the same.
    assert tops["exact"] == tops["sequence"] > tops["s_shape"]


def test_coming_back_is_a_line_beside_going() -> None:
    site = hall(1, 9)
    assert site.layout is not None
    scale = scale_for(site.layout, DESK, spacing=300)
    up, top_right, top_left, down = drawn([(0, 50), (0, 900), (0, 50)], scale)
    assert up[0] == top_right[0] > top_left[0] == down[0]
    assert up[1] == down[1] > top_right[1]
    assert drawn([(0, 50)], scale) == [(scale.x(0), scale.y(50))]


def test_stops_at_one_shelf_share_a_mark() -> None:
    site = hall(2, 3, levels=4)
    svg = draw_map(site, PHONE, of(site, "00-01-0", "00-01-1", "00-01-2", "01-02-0", "00-03-0", "01-02-3")).svg
    assert {"1–3", "4+1", "5"} <= set(texts(svg))


def test_of_a_large_hall_a_phone_shows_the_way_to_the_next_stops() -> None:
    site = hall(30, 5)
    stops = of(site, "10-01-0", "11-04-0", "12-02-0", "28-02-0")
    here = of(site, "09-01-0")[0].location_id
    close = draw_map(site, PHONE, stops, standing_at=here, closely=True)
    assert close.closely
    assert texts(close.svg)[:4] == ["09", "10", "11", "12"]
    assert "4" not in texts(close.svg)
    whole = draw_map(site, PHONE, stops, standing_at=here)
    assert not whole.closely
    assert {"4", "DOCK", "PACK"} <= set(texts(whole.svg))
    assert len([text for text in texts(whole.svg) if re.fullmatch(r"\d\d", text)]) == 15
    assert not draw_map(hall(4, 5), PHONE, of(hall(4, 5)), closely=True).closely


def test_what_is_not_on_the_map_is_said() -> None:
    site = hall(2, 3)
    picture = draw_map(site, PHONE, of(site, "LOST", "00-01-0", "LOST"))
    assert picture.missing == ("LOST",)
    assert "2" in texts(picture.svg)
    nowhere = make_layout(WalkSettings(), [place("A")])
    assert draw_map(nowhere, PHONE, of(nowhere, "A")) == draw_map(nowhere, DESK, of(nowhere, "A"))
    assert (draw_map(nowhere, PHONE, of(nowhere, "A")).svg, draw_map(nowhere, PHONE, of(nowhere, "A")).missing) == ("", ("A",))


@pytest.mark.parametrize(
    "places",
    [
        [place("A", 0, 0, aisle="A")],
        [place("A", -5, -5, aisle="A"), place("B", -5, -9, aisle="B"), place("FAR", 99999, 99999, kind=LocationKind.SHIPPING)],
        [place("A", 0, 0, aisle="A"), place("B", "0.01", "0.01", aisle="B")],
        [place("A", 0, 0, aisle="A"), place("B", 999999, 999999, aisle="B")],
        [place("A", aisle="A", is_active=False), place("B", aisle="B", condition="unheard-of")],
    ],
)
def test_strange_places_are_drawn_too(places: list[SitePlace]) -> None:
    site = make_layout(WalkSettings(), places)
    codes = [known.code for known in places]
    for frame in (PHONE, DESK):
        ET.fromstring(draw_map(site, frame, of(site, *codes), closely=True).svg)


def test_five_thousand_places_are_drawn_bay_by_bay() -> None:
    site = hall(25, 50, levels=4)
    assert len(site.places) == 5003
    stops = of(site, *[f"{a:02}-{b:02}-0" for a, b in zip(range(25), range(1, 50, 2), strict=True)])
    root = ET.fromstring(draw_map(site, DESK, stops).svg)
    # A mark for each bay with all its levels, and a few for the rest.
    assert 1250 < len(list(root.iter())) < 3000
