"""A warehouse as its walks see it: the layout that its shelves make, and where in it each of its places is reached.

Shelves in use shape it. Each aisle name is an aisle, at the middle (median) of the x of its shelves; an aisle without any x lies beside the last one, in order of
the names. Names with the same x are one aisle: its two sides, or one behind the other. A place without y lies by its bay. The front cross aisle runs half a bay
before the nearest shelf, the back one half a bay behind the farthest.

Any other place with an x, such as a bench or a dock, is reached from the nearest aisle, at its own y where the aisle goes as far; without y from the front.
What has neither aisle nor x is not on the map.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from fulfillment.models import WalkSettings
from fulfillment.routing.layout import Layout, Pick
from inventory import orchestrator
from inventory.orchestrator import LocationKind, SitePlace

# Of places that are kept colder than a cool shelf; all others come first.
LEGS = {"chilled": 1, "frozen": 2}
# A bay with a higher number, or without one, lies by its rank among those of its aisle.
HIGHEST_BAY = 999

_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class SiteLayout:
    """`places` by id; `spots`: where each place that is on the map is reached. `layout` is None where no aisle is known: then nothing is on the map."""

    settings: WalkSettings
    places: Mapping[int, SitePlace]
    layout: Layout | None
    spots: Mapping[int, Pick]

    def leg(self, place_id: int) -> int:
        """Which leg of a walk a place belongs to, also one that is not on the map: all places of a lower leg come first. One leg where cold does not matter."""
        place = self.places.get(place_id)
        return LEGS.get(place.condition, 0) if place is not None and self.settings.cold_last else 0


def settings_of(warehouse_id: int) -> WalkSettings:
    """How a warehouse is walked; the defaults, unsaved, for one that nobody has set. One statement."""
    return WalkSettings.objects.filter(warehouse=warehouse_id).first() or WalkSettings(warehouse_id=warehouse_id)


def layout_of(warehouse_id: int) -> SiteLayout:
    """The layout of a warehouse, by its settings and its places. Two statements, whatever their number."""
    return make_layout(settings_of(warehouse_id), orchestrator.site_map(warehouse_id))


def make_layout(settings: WalkSettings, places: Sequence[SitePlace]) -> SiteLayout:
    """The layout of these places, in order of their codes. Asks the database nothing."""
    by_id = {place.id: place for place in places}
    shelves = [place for place in places if place.aisle and place.is_shelf and place.is_active]
    if not shelves:
        return SiteLayout(settings, by_id, None, {})
    names = _aisles(shelves, centimetres(settings.aisle_spacing))
    aisles = tuple(sorted(set(names.values())))
    xs = {place.id: x for place in places if (x := _x(place, names)) is not None}
    ys = _along(places, centimetres(settings.bay_length))
    front, *_, back = cross_aisles = _cross_aisles([ys[place.id] for place in shelves], settings)
    number = {x: _nearest(aisles, x) for x in xs.values()}
    spots = {
        place.id: Pick(number[xs[place.id]], min(max(ys.get(place.id, front), front), back), LEGS.get(place.condition, 0))
        for place in places
        if place.id in xs
    }
    return SiteLayout(settings, by_id, Layout(aisles, cross_aisles, _depot(settings, places, xs, aisles[0])), spots)


def centimetres(metres: Decimal) -> int:
    """Whole centimetres."""
    return int(metres * 100)


def _aisles(shelves: Iterable[SitePlace], spacing: int) -> dict[str, int]:
    """The x of each aisle name."""
    measured: dict[str, list[int]] = defaultdict(list)
    for place in shelves:
        measured[place.aisle] += [centimetres(place.x)] if place.x is not None else []
    aisles = {name: round(median(found)) for name, found in measured.items() if found}
    first = max(aisles.values()) + spacing if aisles else 0
    unmeasured = sorted(measured.keys() - aisles.keys(), key=_natural)
    return aisles | {name: first + spacing * rank for rank, name in enumerate(unmeasured)}


def _x(place: SitePlace, aisles: Mapping[str, int]) -> int | None:
    return aisles.get(place.aisle) if place.aisle in aisles or place.x is None else centimetres(place.x)


def _along(places: Iterable[SitePlace], bay_length: int) -> dict[int, int]:
    """The y of each place that has one, or a bay in an aisle."""
    bays: dict[str, set[str]] = defaultdict(set)
    for place in places:
        bays[place.aisle].add(place.bay)
    ranks = {(aisle, bay): rank for aisle, found in bays.items() if aisle for rank, bay in enumerate(sorted(found, key=_natural), start=1)}
    ys = {}
    for place in places:
        if place.y is not None:
            ys[place.id] = centimetres(place.y)
        elif place.aisle:
            ys[place.id] = _bay_number(place.bay, ranks[place.aisle, place.bay]) * bay_length
    return ys


def _bay_number(bay: str, rank: int) -> int:
    found = _NUMBER.search(bay)
    return int(found[0]) if found and int(found[0]) <= HIGHEST_BAY else rank


def _cross_aisles(ys: Sequence[int], settings: WalkSettings) -> tuple[int, ...]:
    """The y of the front and the back one, and of the one in the middle where that lies between them."""
    half = max(1, centimetres(settings.bay_length) // 2)
    front, back = min(ys) - half, max(ys) + half
    middle = settings.middle_cross_aisle
    return (front, centimetres(middle), back) if middle is not None and front < centimetres(middle) < back else (front, back)


def _depot(settings: WalkSettings, places: Iterable[SitePlace], xs: Mapping[int, int], otherwise: int) -> int:
    """The x where walks begin and end: of the depot that is set, else of the packing bench that is used when nobody names one, else of the first aisle."""
    bench = next((place.id for place in places if place.kind == LocationKind.PACKING and place.is_active), None)
    return next((xs[place] for place in (settings.depot_id, bench) if place is not None and place in xs), otherwise)


def _nearest(aisles: Sequence[int], x: int) -> int:
    return min(range(len(aisles)), key=lambda number: abs(aisles[number] - x))


def _natural(name: str) -> tuple[list[str | int], str]:
    """Sorts A2 before A10."""
    return [int(part) if odd % 2 else part for odd, part in enumerate(_NUMBER.split(name))], name
