"""A channel let in by its seller: the page that shows what to confirm at the marketplace, and asks whether it was. No token is ever shown."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.decorators import action

from stocksync.enums import ChannelKind
from stocksync.flows.tokens import connect_begin, connect_finish
from stocksync.models import Channel, ChannelCredentials
from stocksync.services.credentials import decrypt, encrypt, store_application
from warehouse.core.actor import Actor
from warehouse.core.admin import actor_of
from warehouse.core.admin_steps import StepsAdmin
from warehouse.core.errors import DomainError
from warehouse.core.partners.errors import PartnerFailure


class ConnectsChannel(StepsAdmin):
    """Gives the page of a channel of Allegro's REST API a button that connects it."""

    prints: ClassVar[list[str]] = ["connect"]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        offered = super().get_actions_detail(request, object_id)
        row = self.get_object(request, str(object_id))
        if row is not None and self._may_connect(request, row):
            return offered
        return [each for each in offered if each.action_name != self._full_name("connect")]

    @action(description="Connect", url_path="connect", icon="link")
    def connect(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET: where it stands. POST `begin`: ask the marketplace for a code; `finish`: ask whether the seller has confirmed it."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404(f"There is no channel {object_id}.")
        if not self._may_connect(request, row):
            raise PermissionDenied
        if request.method == "POST":
            try:
                return self._ask(request, row, actor_of(request))
            except DomainError as error:
                messages.error(request, error.detail)
            except PartnerFailure as error:
                messages.error(request, str(error))
            return HttpResponseRedirect(request.path)
        context = {**self.admin_site.each_context(request), "title": f"Connect {row}", "opts": self.opts, "back": self._url_of(row)}
        return TemplateResponse(request, "admin/stocksync/connect.html", {**context, "asked": self._asked(request, row), "row": row})

    def _ask(self, request: HttpRequest, row: Channel, actor: Actor) -> HttpResponse:
        key = _key(row)
        if "begin" in request.POST:
            asked = connect_begin(row.pk)
            request.session[key] = {
                "device": encrypt(asked.device_code).decode(),
                "user_code": asked.user_code,
                "link": asked.verification_uri_complete or asked.verification_uri,
                "until": timezone.now().timestamp() + asked.expires_in,
            }
            return HttpResponseRedirect(request.path)
        kept = self._asked(request, row)
        if kept is None:
            messages.warning(request, "The code is too old: ask for a new one.")
            return HttpResponseRedirect(request.path)
        if not connect_finish(row.pk, decrypt(kept["device"].encode()), actor=actor):
            messages.warning(request, "The seller has not confirmed it yet.")
            return HttpResponseRedirect(request.path)
        del request.session[key]
        self.log_change(request, row, "Connected")
        messages.success(request, f"{row} is connected.")
        return HttpResponseRedirect(self._url_of(row))

    def _asked(self, request: HttpRequest, row: Channel) -> dict[str, Any] | None:
        """What this person is to have confirmed; None when nothing is, or it is too late."""
        kept: dict[str, Any] | None = request.session.get(_key(row))
        return kept if kept is not None and kept["until"] > timezone.now().timestamp() else None

    def _may_connect(self, request: HttpRequest, row: Channel) -> bool:
        return row.kind == ChannelKind.ALLEGRO_REST and store_application.allowed(actor_of(request))


def connection_of(row: Channel) -> str:
    """Whether a channel may be asked, in words."""
    if row.kind != ChannelKind.ALLEGRO_REST:
        return "by the token of the settings"
    kept = ChannelCredentials.objects.filter(channel=row).defer("client_secret").first()
    if kept is None:
        return "no application is known: enter its credentials"
    if kept.refused_at is not None:
        return "the marketplace takes our tokens no more: connect it anew"
    if not bytes(kept.refresh_token):
        return "the seller has not let us in yet: connect it"
    return f"connected as {kept.client_id}"


def _key(row: Channel) -> str:
    return f"stocksync_connect_{row.pk}"
