"""The picture of a warehouse, with somebody's way on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fulfillment.maps.scale import SIDE, Frame, scale_for, usual_step
from fulfillment.maps.way import arrows, drawn, way_through
from fulfillment.queries.site_layout import SiteLayout, centimetres
from fulfillment.routing.layout import Layout
from inventory.orchestrator import LocationKind, SitePlace

INK, SOFT, WAY, FLOOR, LANE = "#10151b", "#47525e", "#0b4f9e", "#e4e8ed", "#fafbfc"
NEXT, DONE = "#c2410c", "#6b7682"
SHELVES = {
    "ambient": ("#d9bf8c", gettext_lazy("room temperature")),
    "cool": ("#9ed3b0", gettext_lazy("cool")),
    "chilled": ("#8cc3ee", gettext_lazy("chilled")),
    "frozen": ("#8a93e0", gettext_lazy("frozen")),
    "": ("#c3ccd5", gettext_lazy("shelf")),
}
KINDS = {
    LocationKind.PACKING: ("#ffd27a", gettext_lazy("packing bench")),
    LocationKind.RECEIVING: ("#d6c6f2", gettext_lazy("receiving dock")),
    LocationKind.SHIPPING: ("#bfe3a6", gettext_lazy("shipping dock")),
    LocationKind.QUARANTINE: ("#f4b6b6", gettext_lazy("quarantine")),
}
# Nearer to the middle of its aisle a shelf's x says nothing about its side.
IN_THE_MIDDLE = 20
# A hall with more aisles is too large for a phone: then the way to so many stops is shown.
MANY, FEW = 8, 3
LETTER, LINE = 7.4, 26.0
Cell = tuple[int, int, int]  # of a shelf: the number of its aisle, its y, and its side: 1 right, -1 left


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of a walk: where, its number as the walk counts, and whether it is done."""

    location_id: int
    number: int
    done: bool = False


@dataclass(frozen=True, slots=True)
class MapPicture:
    """The picture, empty where nothing is known to draw; the codes of the stops still ahead that are not on the map; and whether only a part is shown."""

    svg: SafeString
    missing: tuple[str, ...] = ()
    closely: bool = False


def draw_map(site: SiteLayout, frame: Frame, stops: Sequence[Stop] = (), *, standing_at: int | None = None, closely: bool = False) -> MapPicture:
    """Draw a warehouse and the way through the stops that are not done, in their order, from where one stands or from the depot.

    The first of them is the next one. `closely`: of a large hall only the aisles about the next few stops. Asks the database nothing.
    """
    ahead = [stop for stop in stops if not stop.done]
    missing = tuple(dict.fromkeys(site.places[stop.location_id].code for stop in ahead if stop.location_id not in site.spots))
    if site.layout is None:
        return MapPicture(SafeString(""), missing)
    drawing = _Drawing(site, site.layout, frame, stops, standing_at, closely=closely)
    return MapPicture(drawing.svg(), missing, drawing.closely)


class _Drawing:
    def __init__(self, site: SiteLayout, layout: Layout, frame: Frame, stops: Sequence[Stop], standing_at: int | None, *, closely: bool) -> None:
        self.site, self.layout = site, layout
        self.stops = [stop for stop in stops if stop.location_id in site.spots]
        self.start = None if standing_at is None else site.spots.get(standing_at)
        picks = [site.spots[stop.location_id] for stop in self.stops if not stop.done]
        self.path = way_through(site, layout, picks, self.start) if picks else ()
        self.closely = closely and bool(picks) and len(layout.aisles) > MANY
        around = [layout.point(spot)[0] for spot in [self.start, *picks[:FEW]]] if self.closely else []
        self.scale = scale_for(layout, frame, spacing=centimetres(site.settings.aisle_spacing), around=around)
        self.cells: dict[Cell, list[SitePlace]] = defaultdict(list)
        self.others: list[SitePlace] = []
        self.kinds: set[str] = set()
        for place in site.places.values():
            if place.id in site.spots and place.kind != LocationKind.TRANSIT:
                if place.is_shelf:
                    self.cells[self._cell(place)].append(place)
                elif place.is_active:
                    self.others.append(place)
        self.two_sided = len({side for _aisle, _y, side in self.cells}) > 1
        self.depth = (self.scale.gap - self.scale.lane) * (0.46 if self.two_sided else 0.78)
        self.height = self._bay() * self.scale.along

    def svg(self) -> SafeString:
        """The whole picture; what is drawn later lies above."""
        boxes, bottom = self._boxes()
        legend, height = self._legend(bottom)
        parts = [self._hall(), self._shelves(), self._names(), boxes, self._way(), self._bubbles(), legend]
        return format_html(
            '<svg xmlns="http://www.w3.org/2000/svg" class="site-map" viewBox="0 0 {} {}" role="img" aria-label="{}"'
            ' font-family="system-ui, Segoe UI, Roboto, Noto Sans, DejaVu Sans, sans-serif" font-size="13">{}</svg>',
            _n(self.scale.frame.width),
            _n(height),
            _("Map of the warehouse"),
            format_html_join("", "{}", ((part,) for part in parts)),
        )

    def _cell(self, place: SitePlace) -> Cell:
        spot = self.site.spots[place.id]
        aside = 0 if place.x is None else centimetres(place.x) - self.layout.aisles[spot.aisle]
        return (spot.aisle, spot.y, -1 if aside < -IN_THE_MIDDLE else 1)

    def _bay(self) -> float:
        """How long a shelf is, in centimetres: the usual way from one to the next of its aisle."""
        by_aisle: dict[int, set[int]] = defaultdict(set)
        for aisle, y, _side in self.cells:
            by_aisle[aisle].add(y)
        steps = [step for ys in by_aisle.values() if (step := usual_step(sorted(ys)))]
        return median(steps) if steps else centimetres(self.site.settings.bay_length)

    def _hall(self) -> SafeString:
        """The floor with its ways."""
        s = self.scale
        left, right = max(s.x(s.left), SIDE / 2), min(s.x(s.right), s.frame.width - SIDE / 2)
        across = "".join(f"M{_n(left)} {_n(s.y(y))}H{_n(right)}" for y in self.layout.cross_aisles)
        along = "".join(f"M{_n(s.x(x))} {_n(s.y(s.back))}V{_n(s.bottom)}" for x in self.layout.aisles if s.shows(x))
        edge = s.lane / 2 + 3
        return format_html(
            '<rect x="{}" y="{}" width="{}" height="{}" rx="6" fill="{}"/><path d="{}" stroke="{}" stroke-width="{}" fill="none"/>',
            _n(left), _n(s.y(s.back) - edge), _n(right - left), _n(s.bottom - s.y(s.back) + 2 * edge), FLOOR, across + along, LANE, _n(s.lane),
        )  # fmt: skip

    def _shelves(self) -> SafeString:
        groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
        width, height = max(self.depth, 1.5), min(max(self.height * 0.88, 1.5), 60.0)
        for cell, places in self.cells.items():
            x, y = self._middle(cell)
            if self.scale.shows(self.layout.aisles[cell[0]]):
                data = f"M{_n(x - width / 2)} {_n(y - height / 2)}h{_n(width)}v{_n(height)}h-{_n(width)}z"
                groups[_colour(places)].append((data, ", ".join(place.code for place in places[:8])))
        return format_html_join(
            "",
            '<g fill="{}">{}</g>',
            ((fill, format_html_join("", '<path d="{}"><title>{}</title></path>', found)) for fill, found in groups.items()),
        )

    def _middle(self, cell: Cell) -> tuple[float, float]:
        """The middle of a shelf in the picture."""
        aisle, y, side = cell
        return self.scale.x(self.layout.aisles[aisle]) + side * (self.scale.lane / 2 + 1 + max(self.depth, 1.5) / 2), self.scale.y(y)

    def _names(self) -> SafeString:
        """The names of the aisles at their front ends, as many as there is room for."""
        names: dict[int, set[str]] = defaultdict(set)
        for (aisle, _y, _side), places in self.cells.items():
            names[aisle] |= {place.aisle for place in places if place.aisle and place.is_active}
        shown = [(aisle, "/".join(sorted(found))[:10]) for aisle, found in sorted(names.items()) if self.scale.shows(self.layout.aisles[aisle])]
        longest = max((len(text) for _aisle, text in shown), default=0)
        every = 1 + int((longest * LETTER * 1.2 + 4) / max(self.scale.gap, 0.1))
        rows = [(_n(self.scale.x(self.layout.aisles[aisle])), text) for aisle, text in shown[::every]]
        return format_html(
            '<g font-size="15" font-weight="700" text-anchor="middle" fill="{}">{}</g>',
            INK, format_html_join("", f'<text x="{{}}" y="{_n(self.scale.y(self.scale.back) - self.scale.lane / 2 - 8)}">{{}}</text>', rows),
        )  # fmt: skip

    def _boxes(self) -> tuple[SafeString, float]:
        """Docks, benches and the like: where they lie, those at the front in rows below the hall. Also where the last row ends."""
        s, front = self.scale, self.scale.bottom + self.scale.lane / 2 + 8
        ends: list[float] = []
        rows = []
        for place in sorted(self.others, key=lambda place: (self._x(place), place.code)):
            if self.closely and not s.shows(self._x(place)):
                continue
            self.kinds.add(place.kind)
            width = len(place.code) * LETTER + 10
            x = min(max(s.x(self._x(place)), SIDE / 2 + width / 2), s.frame.width - SIDE / 2 - width / 2)
            y = s.y(self.site.spots[place.id].y)
            if self.site.spots[place.id].y <= s.front:
                row = next((n for n, end in enumerate(ends) if end + 4 <= x - width / 2), len(ends))
                ends[row : row + 1] = [x + width / 2]
                y = front + 12 + LINE * row
            fill = KINDS[LocationKind(place.kind)][0] if place.kind in KINDS else LANE
            rows.append((_n(x - width / 2), _n(y - 11), _n(width), fill, _n(x), _n(y + 4.5), place.code))
        boxes = '<rect x="{}" y="{}" width="{}" height="22" rx="4" fill="{}"/><text x="{}" y="{}">{}</text>'
        return (
            format_html('<g text-anchor="middle" font-size="12" fill="{}">{}</g>', INK, format_html_join("", boxes, rows)),
            front + LINE * len(ends),
        )

    def _x(self, place: SitePlace) -> int:
        return centimetres(place.x) if place.x is not None else self.layout.aisles[self.site.spots[place.id].aisle]

    def _way(self) -> SafeString:
        if not self.path:
            return SafeString("")
        points = drawn(self.path, self.scale)
        x, y = (_n(value) for value in points[0])
        return format_html(
            '<g stroke-linejoin="round" stroke-linecap="round"><polyline points="{}" fill="none" stroke="{}" stroke-width="{}"/>'
            '<path d="{}" fill="{}"/><circle cx="{}" cy="{}" r="6" fill="#fff" stroke="{}" stroke-width="4"/></g>',
            " ".join(f"{_n(px)},{_n(py)}" for px, py in points), WAY, _n(self.scale.line), arrows(points, self.scale.line * 2), WAY, x, y, WAY,
        )  # fmt: skip

    def _bubbles(self) -> SafeString:
        """The stops with their numbers: done ones small and grey, the next one large and on top."""
        ahead = [stop for stop in self.stops if not stop.done]
        groups: dict[tuple[bool, tuple[float, float]], list[Stop]] = defaultdict(list)
        for stop in self.stops:
            if not self.scale.shows(self.layout.aisles[self.site.spots[stop.location_id].aisle]):
                continue
            groups[stop.done, self._place_of(stop)].append(stop)
        layers = sorted(groups.items(), key=lambda entry: (2 if ahead and ahead[0] in entry[1] else 1 if not entry[0][0] else 0, -entry[1][0].number))
        return format_html_join("", "{}", ((_bubble(at, found, is_next=bool(ahead) and ahead[0] in found),) for (_done, at), found in layers))

    def _place_of(self, stop: Stop) -> tuple[float, float]:
        place, spot = self.site.places[stop.location_id], self.site.spots[stop.location_id]
        return self._middle(self._cell(place)) if place.is_shelf else (self.scale.x(self.layout.aisles[spot.aisle]), self.scale.y(spot.y))

    def _legend(self, top: float) -> tuple[SafeString, float]:
        """What the colours mean, in lines; and where the picture ends."""
        shown = [places for (aisle, *_rest), places in self.cells.items() if self.scale.shows(self.layout.aisles[aisle])]
        found = {place.condition if place.condition in SHELVES else "" for places in shown for place in places}
        entries = [entry for name, entry in SHELVES.items() if name in found] + [entry for kind, entry in KINDS.items() if kind in self.kinds]
        x, y, rows = SIDE, top + 14, []
        for fill, text in entries:
            width = 22 + len(str(text)) * 8.2 + 8
            if x > SIDE and x + width > self.scale.frame.width - SIDE:
                x, y = SIDE, y + 20
            rows.append((_n(x), _n(y - 10), fill, _n(x + 18), _n(y + 1), str(text)))
            x += width
        squares = '<rect x="{}" y="{}" width="13" height="13" rx="3" fill="{}"/><text x="{}" y="{}">{}</text>'
        return format_html('<g fill="{}">{}</g>', SOFT, format_html_join("", squares, rows)), y + 12


def _bubble(at: tuple[float, float], stops: Sequence[Stop], *, is_next: bool) -> SafeString:
    text = _numbers([stop.number for stop in stops])
    radius, fill, size = (15.0, NEXT, 17) if is_next else (8.0, DONE, 11) if stops[0].done else (10.5, WAY, 13)
    half = max(radius, (len(text) * size * 0.6 + 8) / 2)
    x, y = at
    return format_html(
        '<g><rect x="{}" y="{}" width="{}" height="{}" rx="{}" fill="{}" stroke="#fff" stroke-width="{}"/>'
        '<text x="{}" y="{}" text-anchor="middle" font-size="{}" font-weight="700" fill="#fff">{}</text></g>',
        _n(x - half), _n(y - radius), _n(2 * half), _n(2 * radius), _n(radius), fill, 3 if is_next else 1.5, _n(x), _n(y + size * 0.36), size, text,
    )  # fmt: skip


def _numbers(numbers: Iterable[int]) -> str:
    """3, or 3–5, or the first with how many more."""
    found = sorted(set(numbers))
    if len(found) == 1:
        return str(found[0])
    return f"{found[0]}–{found[-1]}" if found[-1] - found[0] == len(found) - 1 else f"{found[0]}+{len(found) - 1}"


def _colour(places: Sequence[SitePlace]) -> str:
    if not any(place.is_active for place in places):
        return "#d3d9df"
    condition = next(place.condition for place in places if place.is_active)
    return SHELVES.get(condition, SHELVES[""])[0]


def _n(value: float) -> str:
    """A coordinate, short."""
    return f"{value:.1f}".removesuffix(".0")


__all__ = ["MapPicture", "Stop", "draw_map"]
