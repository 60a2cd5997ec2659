"""The live board: how the work stands now, on a wall, a desk or a phone. The page asks for its middle part again whenever something happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fulfillment import events
from fulfillment.enums import OrderStatus, PickingStatus, Priority
from fulfillment.models import Wave
from fulfillment.queries.live import AtWork, DueOrder, Queue, Work, work_now
from fulfillment.queries.waves import WaveProgress, open_waves
from inventory import orchestrator
from warehouse.core.access import READERS
from warehouse.core.admin import actor_of
from warehouse.core.live import LISTENERS, stream_url

# Seconds until a page asks again: when its stream tells it nothing, while somebody walks (a scan is no event), and without a stream.
QUIET_SECONDS, BUSY_SECONDS, POLL_SECONDS = 30, 5, 15
STILL_SECONDS = 600
# Open waves that are listed, the oldest first.
SHOWN_WAVES = 8
_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a kind's tasks: so many of them are in these states."""

    count: int
    words: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A kind of task: how many, where they stand, how many are late."""

    title: str
    icon: str
    count: int
    parts: list[Part]
    late: int
    link: str


# Of each kind: its title, its icon, the model behind it, and its states in the words of the board, those in hand first.
_TILES: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "picking": (
        "Picking",
        "directions_walk",
        "pickingtask",
        {"in_progress": "being picked", "assigned": "given", "pending": "waiting", "held": "not released"},
    ),
    "batches": ("Batches", "shopping_cart", "pickingbatch", {"in_progress": "being walked", "assigned": "given", "pending": "waiting"}),
    "quality": ("Quality", "verified", "qualitycheck", {"in_progress": "being checked", "pending": "waiting"}),
    "packing": ("Packing", "package_2", "packingtask", {"in_progress": "being packed", "pending": "waiting", "packed": "packed"}),
    "put_backs": ("Put back", "undo", "putback", {"in_progress": "on the way", "pending": "waiting"}),
    "shipments": ("Shipments", "local_shipping", "shipment", {"requested": "without waybill", "failing": "failing", "created": "to hand over"}),
}
_DOING = {"picking": "picks", "batch": "walks a batch", "quality": "checks", "packing": "packs", "put_back": "puts back"}
_PAGES = {"picking": "pickingtask", "batch": "pickingbatch", "quality": "qualitycheck", "packing": "packingtask", "put_back": "putback"}
EVENT_TYPES = sorted({value for name, value in vars(events).items() if name.isupper() and isinstance(value, str) and "." in value})
_STATUS = {status.value: str(status.label) for status in OrderStatus}


def live_context(request: HttpRequest, part_url: str) -> dict[str, Any]:
    """What a live page's script needs: where its part and the stream are, and at which events to ask again. No stream for who may not read the feed."""
    return {
        "part_url": part_url,
        "stream_url": stream_url(request) if actor_of(request).roles & LISTENERS else "",
        "event_types": " ".join(EVENT_TYPES),
        "poll_seconds": POLL_SECONDS,
    }


@never_cache
@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """The page, or with `part` only what changes on it. `?warehouse=CODE` narrows it to a site, `?wall` leaves the menu out."""
    if not actor_of(request).roles & READERS:
        raise PermissionDenied
    sites = sorted(orchestrator.active_warehouses(), key=lambda each: each.code)
    code = request.GET.get("warehouse", "")
    site = next((each for each in sites if each.code == code), None)
    if code and site is None:
        raise Http404(f"There is no open warehouse {code}.")
    site_id = site.pk if site else None
    context = board_context(work_now(site_id)) | {"waves": [_wave(*each) for each in open_waves(site_id, SHOWN_WAVES)]}
    if "part" in request.GET:
        return TemplateResponse(request, "admin/live/board_part.html", context)
    where = urlencode({"warehouse": code}) if code else ""
    page = {
        **admin.site.each_context(request),
        **context,
        **live_context(request, f"?{where}&part" if where else "?part"),
        "title": f"Live: {site.name}" if site else "Live",
        "sites": sites if len(sites) > 1 else [],
        "site": site,
        "is_popup": "wall" in request.GET,
        "is_fullwidth": "1",
        "wall_url": f"?{where}&wall" if where else "?wall",
    }
    return TemplateResponse(request, "admin/live/board.html", page)


def board_context(work: Work) -> dict[str, Any]:
    """The work in the words of the board."""
    most = max((speed.picks for speed in work.speeds), default=0)
    return {
        "now": timezone.localtime(),
        "tiles": [_tile(kind, work.queues[kind]) for kind in _TILES],
        "picks": sum(speed.picks for speed in work.speeds),
        "pace": sum(speed.now for speed in work.speeds),
        "speeds": [{"speed": speed, "share": 100 * speed.picks // most} for speed in work.speeds],
        "averages": [(average.name, spent(average.seconds), average.count) for average in work.averages],
        "due": [_due(order) for order in work.due],
        "late": work.late,
        "near": work.near,
        "people": [_person(person) for person in work.people],
        "unlisted": work.people_count - len(work.people),
        "again": BUSY_SECONDS if any(person.kind in ("picking", "batch") for person in work.people) else QUIET_SECONDS,
    }


def _tile(kind: str, queue: Queue) -> Tile:
    title, icon, model, words = _TILES[kind]
    parts = [Part(queue.states[state], word) for state, word in words.items() if state in queue.states]
    return Tile(title, icon, queue.count(), parts, queue.late, _list_of(model))


def _due(order: DueOrder) -> dict[str, Any]:
    now = timezone.now()
    late = order.ship_by < now
    left = abs((order.ship_by - now).total_seconds())
    return {
        "name": order.name,
        "link": reverse("admin:fulfillment_order_progress", args=[order.pk]),
        "status": _STATUS.get(order.status, order.status),
        "urgent": order.priority in (Priority.URGENT, Priority.HIGH),
        "priority": order.priority,
        "late": late,
        "left": f"{spent(left)} late" if late else f"in {spent(left)}",
    }


def _wave(wave: Wave, far: WaveProgress) -> dict[str, Any]:
    return {"wave": wave, "far": far, "link": _page_of("wave", wave.pk)}


def _person(person: AtWork) -> dict[str, Any]:
    now = timezone.now()
    moved = person.last_at or person.since
    return {
        "at": person,
        "doing": _DOING[person.kind] if person.status == PickingStatus.IN_PROGRESS else "is to begin",
        "link": _page_of(_PAGES[person.kind], person.pk),
        "percent": 100 * person.done // person.total if person.total else 0,
        "since": spent((now - person.since).total_seconds()) if person.since else "",
        "scan": spent((now - person.last_at).total_seconds()) if person.last_at else "",
        # Nothing scanned for so long is worth a look.
        "still": bool(moved and person.status == PickingStatus.IN_PROGRESS and (now - moved).total_seconds() > STILL_SECONDS),
    }


def spent(seconds: float | None) -> str:
    """A time in the largest units that say enough: 45 s, 7 min, 2 h 5 min, 3 d."""
    if seconds is None:
        return "–"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < 48 * _HOUR:
        minutes = whole % _HOUR // _MINUTE
        return f"{whole // _HOUR} h" + (f" {minutes} min" if minutes else "")
    return f"{whole // (24 * _HOUR)} d"


def _list_of(model: str) -> str:
    return reverse(f"admin:fulfillment_{model}_changelist") if _has_page(model) else ""


def _page_of(model: str, pk: int) -> str:
    return reverse(f"admin:fulfillment_{model}_change", args=[pk]) if _has_page(model) else ""


def _has_page(model: str) -> bool:
    return admin.site.is_registered(apps.get_model("fulfillment", model))
