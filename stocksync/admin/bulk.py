"""One action for many rows of a list: asked first, each row in a transaction of its own, those that can't be done named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from warehouse.core.actor import Actor
from warehouse.core.admin import RoleAdmin, actor_of
from warehouse.core.errors import DomainError

# So many rows in one go: a few seconds.
LIMIT = 500
# So many refusals are told one by one.
TOLD = 5


class BulkForm(forms.Form):
    everything = forms.BooleanField(
        label="Not only the ticked ones: all that the filters leave",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text=f"At most {LIMIT} in one go, the newest first.",
    )


class ReasonedBulkForm(BulkForm):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget(), help_text="Kept with each of them.")


class BulkAdmin(RoleAdmin):
    """A list whose actions ask before they begin."""

    list_disable_select_all = True

    def in_bulk(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        do: Callable[[Any, dict[str, Any], Actor], Any],
        *,
        title: str,
        action: str,
        description: str,
        form_class: type[BulkForm] = BulkForm,
    ) -> HttpResponse | None:
        """The page that asks, or the answers to it carried out. `do` takes a row, what the form asked, and the actor; what it refuses is told."""
        form = form_class(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            rows = list(queryset[: LIMIT + 1])
            context = {"title": title, "opts": self.opts, "rows": rows, "form": form, "action": action, "description": description}
            return TemplateResponse(request, "admin/stocksync/bulk.html", {**self.admin_site.each_context(request), **context})
        asked = dict(form.cleaned_data)
        rows = list(self._filtered(request)[:LIMIT] if asked.pop("everything") else queryset[:LIMIT])
        refusals = [said for row in rows if (said := _refusal(do, row, asked, actor_of(request)))]
        done = len(rows) - len(refusals)
        if done:
            messages.success(request, f"{title}: {done} of {len(rows)} done.")
        for said in refusals[:TOLD]:
            messages.error(request, said)
        if len(refusals) > TOLD:
            messages.error(request, f"and {len(refusals) - TOLD} more that could not be done")
        if not rows:
            messages.warning(request, "The filters leave nothing.")
        return None

    def _filtered(self, request: HttpRequest) -> QuerySet[Any]:
        """All rows that the list would show on all its pages."""
        return self.get_changelist_instance(request).get_queryset(request)


def _refusal(do: Callable[[Any, dict[str, Any], Actor], Any], row: Any, asked: dict[str, Any], actor: Actor) -> str:
    try:
        do(row, asked, actor)
    except DomainError as error:
        return f"{capfirst(str(row))}: {error.detail}"
    return ""
