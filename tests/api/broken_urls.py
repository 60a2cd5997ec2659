"""The site's addresses, and one that fails."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from warehouse.urls import handler404, handler500
from warehouse.urls import urlpatterns as site_urls


class Bug(APIView):
    permission_classes = []
    throttle_classes = []

    def get(self, request: Request) -> Response:
        raise ZeroDivisionError("a secret of the house")


def page(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("a secret of the house")


urlpatterns = [path("api/v1/bug", Bug.as_view()), path("bug", page), *site_urls]
__all__ = ["handler404", "handler500", "urlpatterns"]
