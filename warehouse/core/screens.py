"""What every floor screen shares: who may see it, what it says after a scan, how it answers htmx and plain forms.

A screen changes by POST only. The view calls one operation and says by a Feedback how it went; a DomainError is such a Feedback too. htmx gets the changed
part of the screen; a plain form gets a redirect to the screen, which then says it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Concatenate, ParamSpec, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render, resolve_url
from django.utils.cache import add_never_cache_headers
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_htmx.http import HttpResponseClientRedirect

from warehouse.core.actor import Actor, Role
from warehouse.core.errors import DomainError

P = ParamSpec("P")

RIGHT, WRONG, DONE = "right", "wrong", "done"
GS1_SEPARATOR, MAX_CODE_LENGTH = "\x1d", 200
_WAREHOUSE, _FEEDBACK = "floor_warehouse", "floor_feedback"

# What a screen says for an error's code: a headline, and what to do now. Apps add the codes of their own errors.
WORDS: dict[str, tuple[Promise, Promise]] = {
    "conflict": (gettext_lazy("Not possible now"), gettext_lazy("Look at the screen and try again.")),
    "not_found": (gettext_lazy("Not found"), gettext_lazy("Look at the screen and try again.")),
    "permission_denied": (gettext_lazy("Not yours to do"), gettext_lazy("Ask your shift leader.")),
    "stale_version": (gettext_lazy("Somebody was faster"), gettext_lazy("Look at the screen and go on from there.")),
    "transition_refused": (gettext_lazy("Not possible now"), gettext_lazy("The task has changed. Look at the screen and go on from there.")),
    "unavailable": (gettext_lazy("No answer"), gettext_lazy("Wait a moment and try again.")),
    "validation_failed": (gettext_lazy("This can't be used"), gettext_lazy("Correct it and try again.")),
}


class Permission(Protocol):
    """What says whether somebody may come in: an operation, or a reading of certain roles."""

    def allowed(self, actor: Actor) -> bool:
        """Whether this is for the actor."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A screen that changes nothing, for people of these roles."""

    roles: frozenset[Role]

    def allowed(self, actor: Actor) -> bool:
        return actor.may(self.roles)


@dataclass(frozen=True, slots=True)
class Work:
    """A tile of the home screen: its name, where it leads, whom it is for, how much of it waits in a warehouse (None: nothing ever waits)."""

    name: Promise
    url: str
    permission: Permission
    waiting: Callable[[int, Actor], int | None]


# What finds the orders (as `source:id`) that a scanned code names: their number, a waybill, a package. The app that knows orders adds itself.
ORDER_FINDERS: list[Callable[[str], list[str]]] = []


# Where a scanned code leads that is no place and no goods, for a person in a warehouse: to the screen of what it stands for. The app that knows it adds itself.
LOOKUPS: list[Callable[[int, str, Actor], str | None]] = []


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a screen says after an action: `right` and `done` in green, `wrong` in red over the whole screen, each with its sound.

    `detail` is the operation's own sentence, in English.
    """

    kind: str
    title: str
    hint: str = ""
    expected: str = ""
    scanned: str = ""
    detail: str = ""


def feedback_of(error: DomainError) -> Feedback:
    """The error in the picker's language: what went wrong, what was expected, what to do."""
    title, hint = WORDS.get(error.code) or WORDS["conflict"]
    return Feedback(
        WRONG,
        str(title),
        str(hint),
        expected=_expected(error.data.get("expected")),
        scanned=str(error.data.get("scanned", "")),
        detail=error.detail,
    )


def _expected(value: Any) -> str:
    """The first thing that an error names as expected; its other names (a barcode beside a code) would only confuse."""
    if isinstance(value, Mapping):
        value = next(iter(value.values()), "")
    return ", ".join(map(str, value[:3])) if isinstance(value, list) else str(value or "")


def is_htmx(request: HttpRequest) -> bool:
    """Whether htmx asks, so that the changed part of the screen is enough."""
    return bool(getattr(request, "htmx", False))


def floor_view(
    *permissions: Permission, method: str = "GET"
) -> Callable[[Callable[Concatenate[HttpRequest, Actor, P], HttpResponse]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """A screen, or an action of one, for people who are signed in and have one of the permissions; it gets the actor.

    Others are sent to the sign-in, or told that this is not for them (403).
    """

    def decorate(view: Callable[Concatenate[HttpRequest, Actor, P], HttpResponse]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @functools.wraps(view)
        def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method != method and not (method == "GET" and request.method == "HEAD"):
                return HttpResponseNotAllowed([method])
            actor = Actor.of_user(request.user)
            if actor.user_id is None:
                return _sign_in(request)
            if permissions and not any(permission.allowed(actor) for permission in permissions):
                response = render(request, "floor/refused.html", {"base": "floor/base.html"}, status=403)
            else:
                response = view(request, actor, *args, **kwargs)
            add_never_cache_headers(response)
            return response

        return wrapped

    return decorate


def site_view(
    *permissions: Permission, method: str = "GET"
) -> Callable[[Callable[Concatenate[HttpRequest, Actor, int, P], HttpResponse]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """As `floor_view`, for work at a site: the view gets the warehouse that was chosen too. Who has chosen none yet is sent home, where that is done."""

    def decorate(view: Callable[Concatenate[HttpRequest, Actor, int, P], HttpResponse]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @floor_view(*permissions, method=method)
        @functools.wraps(view)
        def wrapped(request: HttpRequest, actor: Actor, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            warehouse = chosen_warehouse(request)
            if warehouse is None:
                return leave(request, None, to=resolve_url("floor:home"))
            return view(request, actor, warehouse, *args, **kwargs)

        return wrapped

    return decorate


def _sign_in(request: HttpRequest) -> HttpResponse:
    if is_htmx(request):
        path = urlsplit(request.headers.get("HX-Current-URL", "")).path
        return HttpResponseClientRedirect(redirect_to_login(path or "/", resolve_url(settings.LOGIN_URL)).url)
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/", resolve_url(settings.LOGIN_URL))


def show(request: HttpRequest, template: str, context: Mapping[str, Any], feedback: Feedback | None = None) -> HttpResponse:
    """Render a screen: the whole page, or for htmx the part that changes. Says `feedback`, or what a plain form left to be said."""
    kept = None if is_htmx(request) else request.session.pop(_FEEDBACK, None)
    said = feedback or (Feedback(**kept) if kept else None)
    base = "floor/part.html" if is_htmx(request) else "floor/base.html"
    return render(request, template, {"base": base, "feedback": said, **context})


def answer(request: HttpRequest, screen: Callable[[Feedback | None], HttpResponse], feedback: Feedback | None, *, to: str) -> HttpResponse:
    """After an action: the changed screen for htmx, a redirect to the screen `to` for a plain form."""
    return screen(feedback) if is_htmx(request) else leave(request, feedback, to=to)


def leave(request: HttpRequest, feedback: Feedback | None, *, to: str) -> HttpResponse:
    """After an action that leads to another screen: go there, for htmx too, and let it say the feedback."""
    if feedback is not None:
        request.session[_FEEDBACK] = asdict(feedback)
    return HttpResponseClientRedirect(to) if is_htmx(request) else redirect(to)


def attempt(action: Callable[[], Feedback | None]) -> Feedback | None:
    """Do it; a DomainError becomes what the screen says. Nothing was changed then: operations are all or nothing."""
    try:
        return action()
    except DomainError as error:
        return feedback_of(error)


def chosen_warehouse(request: HttpRequest) -> int | None:
    """The site that was chosen in this session; None when none was yet."""
    chosen: int | None = request.session.get(_WAREHOUSE)
    return chosen


def choose_warehouse(request: HttpRequest, warehouse_id: int) -> None:
    """Remember the site for this session."""
    request.session[_WAREHOUSE] = warehouse_id


def scanned_code(request: HttpRequest, name: str = "code") -> str:
    """What was scanned, without what no code has: spaces around it, control characters other than the separator of GS1, endless length."""
    text = request.POST.get(name, "")[:MAX_CODE_LENGTH]
    return "".join(char for char in text if char == GS1_SEPARATOR or char.isprintable()).strip()


def posted_number(request: HttpRequest, name: str = "quantity") -> str | None:
    """A number as it was typed, its comma read as a point; None of a form without the field. An emptied field is "", which is no number."""
    text = request.POST.get(name)
    return None if text is None else text.replace(",", ".")[:20]


def posted_id(request: HttpRequest, name: str) -> int:
    """An id from a form; 0, which no row has, for anything else."""
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def nothing_scanned() -> Feedback:
    """For an empty scan."""
    return Feedback(WRONG, _("Nothing was scanned"), _("Scan again."))
