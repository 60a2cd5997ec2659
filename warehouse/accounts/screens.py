"""Sign-in of the floor: badge and PIN, or user name and password. django-axes counts the failures of both."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from warehouse.accounts.backends import badge_owner
from warehouse.core.screens import scanned_code

SHIFT_SECONDS = 12 * 60 * 60


@method_decorator([never_cache, sensitive_post_parameters("password")], name="dispatch")
class SignIn(View):
    """GET shows the badge field and the PIN pad (`?by=password`: user name and password); POST signs in and goes where the person wanted to go.

    Who signs in with a badge stands on the floor and goes there.
    """

    def get(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            return redirect(self._next(request))
        return self._page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        badge, secret = scanned_code(request, "badge"), request.POST.get("password", "")
        if badge and not secret:
            return self._page(request, badge=badge)
        if badge:
            owner = badge_owner(badge)
            # Failures count for the person, whichever way they come; an unknown badge counts for itself.
            name = owner.get_username() if owner else f"badge:{badge[:40]}"
            user = authenticate(request, username=name, password=secret, badge=badge)
        else:
            user = authenticate(request, username=scanned_code(request, "username"), password=secret)
        if user is None:
            error = _("Wrong badge or PIN. Try again.") if badge else _("Wrong user name or password. Try again.")
            return self._page(request, error=error)
        login(request, user)
        if not badge:
            return redirect(self._next(request))
        request.session.set_expiry(SHIFT_SECONDS)
        return redirect(self._wanted(request) or "floor:home")

    def _page(self, request: HttpRequest, *, badge: str = "", error: str = "") -> HttpResponse:
        by_password = "username" in request.POST or request.GET.get("by") == "password"
        context = {
            "badge": badge,
            "error": error,
            "by_password": by_password,
            "username": request.POST.get("username", ""),
            "next": self._wanted(request),
        }
        return render(request, "floor/login.html", context, status=401 if error else 200)

    def _next(self, request: HttpRequest) -> str:
        return self._wanted(request) or resolve_url(settings.LOGIN_REDIRECT_URL)

    def _wanted(self, request: HttpRequest) -> str:
        wanted = request.POST.get("next") or request.GET.get("next") or ""
        safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure())
        return wanted if safe else ""


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session and show the sign-in."""
    logout(request)
    return redirect("floor:login")
