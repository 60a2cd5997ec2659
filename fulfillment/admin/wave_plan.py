"""The page on which a wave is planned: what is asked for, and what would be chosen."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from fulfillment.admin.wave_waiting import waiting_told
from fulfillment.enums import Priority
from fulfillment.models import DeliveryProvider, Wave
from fulfillment.queries.wave_obstacles import judge
from fulfillment.queries.waves import MOST, Criteria, preview, wanted_for, zones_of
from fulfillment.services.wave_planning import plan_wave
from inventory import orchestrator
from warehouse.core.admin import RoleAdmin, actor_of
from warehouse.core.admin_steps import choice_field, readable
from warehouse.core.errors import DomainError

TODAY, TOMORROW = "today", "tomorrow"


class ClockInput(UnfoldAdminTextInputWidget):
    """The browser's own field for a time."""

    input_type = "time"


class PlanWaveForm(forms.Form):
    """What is asked for of the tasks of one warehouse. What is empty is not asked about."""

    zone = choice_field("Zone", (), required=False)
    provider = choice_field("Carrier", (), required=False)
    cut_off = forms.TimeField(label="Carrier leaves at", required=False, widget=ClockInput())
    day = choice_field("Day of the carrier", [(TODAY, "today"), (TOMORROW, "tomorrow")], required=False)
    priority = choice_field("At least", [("", "any priority"), *reversed(Priority.choices)], required=False)
    max_tasks = forms.IntegerField(
        label="Not more than",
        required=False,
        min_value=1,
        max_value=MOST,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="tasks, the most urgent first",
    )

    def __init__(self, *args: Any, site: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.site = site
        zones = zones_of(site.pk)
        carriers = DeliveryProvider.objects.filter(is_active=True)
        named = [(each.code, f"{each}, and orders that name none" if each.is_default else str(each)) for each in carriers]
        self.fields["zone"].choices = [("", "any"), *((zone, zone) for zone in zones)]  # type: ignore[attr-defined]
        self.fields["provider"].choices = [("", "any"), *named]  # type: ignore[attr-defined]
        self.fields["zone"].help_text = "All that is still to be picked lies in it." if zones else "The places of this warehouse name no zone."
        self.fields["cut_off"].help_text = f"What ships by then, in the time of {site.time_zone}. Orders without a time to ship are left out."

    def criteria(self) -> Criteria:
        """As `plan_wave` takes them."""
        cut_off = self._moment(self.cleaned_data["cut_off"], self.cleaned_data["day"])
        return cast(Criteria, {name: self.cleaned_data[name] for name in Criteria.__annotations__} | {"cut_off": cut_off})

    def _moment(self, clock: time | None, day: str) -> datetime | None:
        if clock is None:
            return None
        zone = ZoneInfo(self.site.time_zone)
        date = timezone.now().astimezone(zone).date() + timedelta(days=1 if day == TOMORROW else 0)
        return datetime.combine(date, clock, tzinfo=zone)


class PlansWaves(RoleAdmin):
    """The `add` page of waves."""

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """GET and `look` show what would be chosen; `plan` plans the wave, in the operation's own transaction."""
        actor = actor_of(request)
        if not self.has_add_permission(request) or not plan_wave.allowed(actor):
            raise PermissionDenied
        sites, site = _sites(request.POST.get("warehouse") or request.GET.get("warehouse", ""))
        if site is None:
            return self._show(request, {"sites": sites})
        form = PlanWaveForm(request.POST if request.method == "POST" else None, site=site)
        shown: dict[str, Any] = {"sites": sites, "site": site, "form": form}
        if form.is_bound and not form.is_valid():
            return self._show(request, shown)
        criteria: Criteria = form.criteria() if form.is_bound else {}
        try:
            if "plan" in request.POST:
                return self._planned(request, plan_wave(site.pk, **criteria, actor=actor))
            shown |= _what_fits(site.pk, criteria)
        except DomainError as error:
            shown |= {"error": error, "error_data": readable(error)}
        return self._show(request, shown)

    def _planned(self, request: HttpRequest, wave: Wave) -> HttpResponse:
        self.log_addition(request, wave, "Planned")
        messages.success(request, f"{wave} is planned: {wave.tasks.count()} tasks wait in it to be released.")
        return HttpResponseRedirect(reverse(f"{self.admin_site.name}:fulfillment_wave_change", args=[wave.pk]))

    def _show(self, request: HttpRequest, shown: dict[str, Any]) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": "Plan a wave", "opts": self.opts, **shown}
        return TemplateResponse(request, "admin/plan_wave.html", context)


def _sites(asked: str) -> tuple[list[Any], Any]:
    """The active warehouses, and the one that is asked for, else the first."""
    sites = orchestrator.active_warehouses()
    chosen = next((site for site in sites if str(site.pk) == asked), None) if asked else next(iter(sites), None)
    if asked and chosen is None:
        raise Http404(f"There is no active warehouse {asked[:20]}.")
    return sites, chosen


def _what_fits(warehouse_id: int, criteria: Criteria) -> dict[str, Any]:
    wanted = wanted_for(warehouse_id, **criteria)
    judged = judge(preview(wanted), warehouse_id=warehouse_id, cut_off=wanted.cut_off)
    told = waiting_told(judged, all_tasks=True)
    return told | {"items": sum(each.task.total_items for each in judged), "kept": told["count"] - told["goes"]}
