"""What inventory's pages share: a seller sees only the rows of its own sites."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RelatedDropdownFilter

from inventory.models import Warehouse
from inventory.queries.stock import stocked_by, visible_to
from warehouse.core.actor import Actor
from warehouse.core.admin import RoleAdmin, actor_of


class SiteRows(RoleAdmin):
    """Rows that belong to a site; `site_path` leads to it ("" for the sites themselves)."""

    site_path = "warehouse"

    def scope(self, rows: QuerySet[Any], actor: Actor) -> QuerySet[Any]:
        return visible_to(rows, actor, warehouse=self.site_path)


class SiteFilter(RelatedDropdownFilter):
    """By site, of those that the reader may see: to a seller the others have no names."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        sites = visible_to(Warehouse.objects.all(), actor_of(request), warehouse="")
        return [(site.pk, str(site)) for site in sites]


class StockedProducts(RoleAdmin):
    """The catalogue: a seller sees what it has, or had, in stock."""

    def scope(self, rows: QuerySet[Any], actor: Actor) -> QuerySet[Any]:
        return stocked_by(rows, actor)
