"""The floor: where one chooses the site and the work, and every address below `/floor/`."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import include, path
from django.views.i18n import set_language

from fulfillment.screens.work import WORK as ORDER_WORK
from inventory.models import Warehouse
from inventory.screens.work import WORK as STOCK_WORK
from warehouse.accounts.screens import SignIn, sign_out
from warehouse.core.actor import Actor, Role
from warehouse.core.screens import choose_warehouse, chosen_warehouse, floor_view, posted_id, show

# Whose work is on the floor only, even if they may look into the admin.
HANDS = {Role.PICKER, Role.PACKER}
WORK = [*ORDER_WORK, *STOCK_WORK]


@login_required
def landing(request: HttpRequest) -> HttpResponse:
    """`/`: people of the office go to the admin, people of the floor to the floor."""
    roles = Actor.of_user(request.user).roles
    only_hands = bool(roles) and roles <= HANDS
    return redirect("admin:index" if getattr(request.user, "is_staff", False) and not only_hands else "floor:home")


@floor_view()
def home(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Choose the work; first the site, when there are several."""
    sites = list(Warehouse.objects.filter(is_active=True))
    chosen = next((site for site in sites if site.pk == chosen_warehouse(request)), None)
    if chosen is None and len(sites) == 1:
        chosen = sites[0]
        choose_warehouse(request, chosen.pk)
    if chosen is None or "choose" in request.GET:
        return show(request, "floor/warehouses.html", {"sites": sites, "chosen": chosen})
    work = [{"name": kind.name, "url": kind.url, "waiting": kind.waiting(chosen.pk, actor)} for kind in WORK if kind.permission.allowed(actor)]
    return show(request, "floor/home.html", {"site": chosen, "several": len(sites) > 1, "work": work})


@floor_view(method="POST")
def choose(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Remember the site for this session."""
    site = Warehouse.objects.filter(is_active=True, pk=posted_id(request, "warehouse")).first()
    if site is not None:
        choose_warehouse(request, site.pk)
    return redirect("floor:home")


urlpatterns = [
    path("", home, name="home"),
    path("warehouse", choose, name="choose_warehouse"),
    path("login", SignIn.as_view(), name="login"),
    path("logout", sign_out, name="logout"),
    path("language", set_language, name="language"),
    path("", include("fulfillment.screens.urls")),
    path("", include("inventory.screens.urls")),
]
