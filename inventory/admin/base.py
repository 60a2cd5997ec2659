"""What inventory's pages share: a seller sees only the rows of its own sites."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from inventory.models import Stock
from inventory.queries.stock import visible_to
from warehouse.core.actor import Actor, Role
from warehouse.core.admin import RoleAdmin


class SiteRows(RoleAdmin):
    """Rows that belong to a site; `site_path` leads to it ("" for the sites themselves)."""

    site_path = "warehouse"

    def scope(self, rows: QuerySet[Any], actor: Actor) -> QuerySet[Any]:
        return visible_to(rows, actor, warehouse=self.site_path)


class StockedProducts(RoleAdmin):
    """The catalogue: a seller sees what it has, or had, in stock."""

    def scope(self, rows: QuerySet[Any], actor: Actor) -> QuerySet[Any]:
        if Role.SELLER not in actor.roles or Role.MANAGER in actor.roles:
            return rows
        return rows.filter(pk__in=Stock.objects.filter(warehouse__seller__members=actor.user_id).values("product"))
