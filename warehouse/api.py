"""Every address of the REST API: `/api/v1/`, its description at `/api/schema/`, the manual at `/api/docs/`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import include, path, re_path
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from fulfillment.api.urls import register as register_fulfillment
from inventory.api.urls import register as register_inventory
from stocksync.api.urls import register as register_stocksync
from warehouse.core.api.problems import PROBLEM
from warehouse.core.errors import DomainError, NotFound
from warehouse.events_api import Events

PREFIX = "/api/"


class _Router(SimpleRouter):
    """Addresses work with and without a slash at their end."""

    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = "/?"


router = _Router()
register_inventory(router)
register_fulfillment(router)
register_stocksync(router)
router.register("events", Events, basename="events")


class Broken(DomainError):
    """A bug of ours. The details are in the log, under the request's id."""

    code = "internal_error"
    title = "Internal error"
    status = 500


def problem(request: HttpRequest, error: DomainError) -> JsonResponse:
    """The error as RFC 9457, outside of any endpoint."""
    return JsonResponse(error.as_problem() | {"instance": request.get_full_path()}, status=error.status, content_type=PROBLEM)


@csrf_exempt
def unknown_address(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
    """No endpoint has this address; said as JSON, whether debugging or not."""
    return problem(request, NotFound(f"There is nothing at {request.path}. See /api/docs/."))


def handler500(request: HttpRequest) -> HttpResponseBase:
    """A failure that nobody foresaw: as a problem to programs, as the site's page to people."""
    if request.path.startswith(PREFIX):
        return problem(request, Broken("Something is wrong on our side. It is in the log; repeat the call later."))
    return defaults.server_error(request)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse | HttpResponseBase:
    """What Django itself can't find under the API is a problem too."""
    if request.path.startswith(PREFIX):
        return unknown_address(request)
    return defaults.page_not_found(request, exception)


urlpatterns = [
    path("v1/", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    re_path("", unknown_address),
]
