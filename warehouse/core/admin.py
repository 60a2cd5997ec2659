"""What every page of the admin shares: the site, the roles, and lists that stay quick on big tables. Steps of documents: `admin_steps`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from csp.decorators import csp_update
from django.contrib.admin import ShowFacets
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator
from unfold.sites import UnfoldAdminSite

from warehouse.core.access import Verb, may
from warehouse.core.actor import Actor, Role
from warehouse.core.quantities import plain

if TYPE_CHECKING:
    from django.http import HttpResponse

    View = Callable[..., HttpResponse]

# Unfold is built on Alpine, which makes functions of the attributes of its templates. Nowhere but here may a page do that; inline scripts stay
# forbidden.
allow_alpine = csp_update({"script-src": ["'unsafe-eval'"]})


def actor_of(request: HttpRequest) -> Actor:
    """The actor of the signed-in user; its groups are read once per request."""
    actor = getattr(request, "_actor", None)
    if actor is None:
        actor = Actor.of_user(request.user)
        request._actor = actor  # type: ignore[attr-defined]
    return cast(Actor, actor)


class Completions(AutocompleteJsonView):
    """What an autocomplete offers, in the words of the row's page."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        return super().serialize_result(obj, to_field_name) | {"text": cast("RoleAdmin", self.model_admin).completion(obj)}


class WarehouseAdminSite(UnfoldAdminSite):
    """The back office. Staff with a role of the house may enter; a program's account may not."""

    index_title = "Dashboard"

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_permission(request)) and bool(actor_of(request).roles - {Role.INTEGRATION})

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        return cast("View", allow_alpine(super().admin_view(view, cacheable)))

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        return cast("HttpResponse", Completions.as_view(admin_site=self)(request))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        login = cast("View", allow_alpine(super().login))
        return login(request, extra_context)


class ByRole:
    """Permissions from the table in `warehouse.core.access` instead of Django's rows."""

    model: type[Model]

    def may(self, request: HttpRequest, verb: Verb) -> bool:
        return may(actor_of(request), verb, self.model._meta.label_lower)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "view")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete")


class RoleAdmin(ByRole, ModelAdmin):
    """The base of every page. No list counts its table: the number of all rows is never asked for, only of those that a filter leaves."""

    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_filter_submit = True
    list_fullwidth = True
    list_per_page = 50
    compressed_fields = True
    warn_unsaved_form = True

    def completion(self, row: Any) -> str:
        """How an autocomplete offers the row."""
        return str(row)

    def scope(self, rows: QuerySet[Any], actor: Actor) -> QuerySet[Any]:
        """What of these rows the actor may see: all of them, unless an app says otherwise."""
        return rows

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.scope(super().get_queryset(request), actor_of(request))


class BigTableAdmin(RoleAdmin):
    """A table of millions of rows that only grows: newest first, never counted, sorted by its key alone, read-only."""

    paginator = InfinitePaginator
    ordering = ["-pk"]
    sortable_by: tuple[str, ...] = ()
    actions = None


class RoleTabularInline(ByRole, TabularInline):
    extra = 0
    show_change_link = False
    hide_title = True

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """In a table the column's head is no label: each input says what it is."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            inner = getattr(field.widget, "widget", field.widget)
            inner.attrs.setdefault("aria-label", str(field.label or db_field.verbose_name))
        return field


class ReadOnlyInline(RoleTabularInline):
    """Rows that operations write."""

    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def adopt(row: Any, made: Any) -> None:
    """Make a form's new row the document that an operation has made, so that the page goes on with it."""
    row.pk, row.number, row.version = made.pk, made.number, made.version
    row._state.adding = False


def pairs(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Field names two to a row, for pages that are read more than written."""
    return [tuple(names[n : n + 2]) for n in range(0, len(names), 2)]


def signed(quantity: Decimal) -> str:
    return f"{quantity.normalize():+f}" if quantity else "0"


__all__ = [
    "BigTableAdmin",
    "ByRole",
    "ReadOnlyInline",
    "RoleAdmin",
    "RoleTabularInline",
    "WarehouseAdminSite",
    "actor_of",
    "allow_alpine",
    "pairs",
    "plain",
    "signed",
]
