"""A wave of the demo: planned in Novi Sad, for somebody to look at and release."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone

from fulfillment.models import Wave
from fulfillment.queries.waves import Wanted, tasks_wanted
from fulfillment.services.wave_planning import plan_wave
from inventory.models import Warehouse
from warehouse.accounts.models import User
from warehouse.core.actor import Actor
from warehouse.demo.places import NOVI_SAD

HOURS = 7


def plan_the_wave(sites: Mapping[str, Warehouse], users: Mapping[str, User]) -> None:
    """What leaves Novi Sad within some hours, unless there was a wave or nothing waits there."""
    site = sites[NOVI_SAD]
    cut_off = (timezone.now() + timedelta(hours=HOURS)).replace(minute=0, second=0, microsecond=0)
    if not Wave.objects.filter(warehouse=site).exists() and tasks_wanted(Wanted(site.pk, cut_off=cut_off)).exists():
        plan_wave(site.pk, cut_off=cut_off, actor=Actor.of_user(users["manager"]))
