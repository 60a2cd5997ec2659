"""Forms of the admin that are saved by operations: what they refuse is said on the page, and what was changed meanwhile is not written over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from warehouse.core.admin import RoleAdmin, actor_of
from warehouse.core.errors import DomainError
from warehouse.core.transactions import Operation, StartAgain


class RefusalsSaid(RoleAdmin):
    """A form that is saved by operations: what they refuse is said on the page."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page; what an operation refuses is said, and nothing of the form is saved."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            messages.error(request, error.detail)
        except StartAgain:
            messages.error(request, "Stock was updated concurrently, please retry.")
        return HttpResponseRedirect(request.get_full_path())


class SavedByOperations(RefusalsSaid):
    """A form of the catalogue. What it changes goes through the operations of the noun, which join the page's transaction.

    A form with a field `seen_version` (see `VersionedForm`) changes nothing that somebody else has changed since it was shown.
    """

    create_operation: Operation[..., Any]
    change_operation: Operation[..., Any]

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm[Any], change: bool) -> None:
        if change:
            values = values_of(obj, form.changed_data)
            if values:
                seen = {"expected_version": form.cleaned_data["seen_version"] or 0} if "seen_version" in form.fields else {}
                self.change_operation.inside(obj.pk, values, actor=actor_of(request), **seen)
        else:
            obj.pk = self.create_operation.inside(values_of(obj, form.cleaned_data), actor=actor_of(request)).pk
            obj._state.adding = False
        obj.refresh_from_db()


class VersionedForm(forms.ModelForm):
    """A form that remembers, in a hidden field, the version that it showed."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen_version"].initial = self.instance.version


def values_of(row: Model, names: Iterable[str]) -> dict[str, Any]:
    """These fields of a row as an operation takes them: other rows by their ids."""
    wanted = set(names)
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if field.name in wanted}
