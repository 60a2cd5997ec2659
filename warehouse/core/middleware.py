"""What is refused before any page looks at it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest


def refuse_nul(answer: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer 400 to a query string with a NUL: no text of ours has one, and PostgreSQL would not even compare it. The API says so as a problem."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", "") and not request.path.startswith("/api/"):
            return HttpResponseBadRequest("The address has a NUL character (%00) in it.", content_type="text/plain")
        return answer(request)

    return middleware
