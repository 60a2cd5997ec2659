"""Forms of the admin that are saved by operations: what they refuse is said on the page, and what was changed meanwhile is not written over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from warehouse.core.admin import RoleAdmin, actor_of
from warehouse.core.errors import DomainError
from warehouse.core.transactions import BUSY, Operation, StartAgain


class RefusalsSaid(RoleAdmin):
    """Pages of rows that operations change: what they refuse is said on the page."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page; what an operation refuses is said, and nothing of the form is saved."""
        with _said(request) as refused:
            return super().changeform_view(request, object_id, form_url, extra_context)
        return refused

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The page; what an operation refuses is said, and nothing is deleted."""
        with _said(request) as refused:
            return super().delete_view(request, object_id, extra_context)
        return refused


class SavedByOperations(RefusalsSaid):
    """A form of the catalogue. What it changes and deletes goes through the operations of the noun, which join the page's transaction.

    With a `VersionedForm` it changes nothing that somebody else has changed since it was shown.
    """

    create_operation: Operation[..., Any]
    change_operation: Operation[..., Any]
    delete_operation: Operation[..., Any]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """With the version that is shown, hidden, where something may be changed."""
        fieldsets = list(super().get_fieldsets(request, obj))
        if obj and issubclass(self.form, VersionedForm) and self.has_change_permission(request, obj):
            (title, first), *others = fieldsets
            fieldsets = [(title, {**first, "fields": [*first["fields"], "seen_version"]}), *others]
        return fieldsets

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm[Any], change: bool) -> None:
        if change:
            values = values_of(obj, form.changed_data)
            if values:
                self.change_operation.inside(obj.pk, values, actor=actor_of(request), **seen(form))
        else:
            obj.pk = self.create_operation.inside(values_of(obj, form.cleaned_data), actor=actor_of(request)).pk
            obj._state.adding = False
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_operation.inside(obj.pk, actor=actor_of(request))


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


def seen(form: forms.ModelForm[Any]) -> dict[str, int]:
    """The version that a `VersionedForm` showed, as an operation takes it; nothing of another form."""
    return {"expected_version": form.cleaned_data["seen_version"] or 0} if "seen_version" in form.fields else {}


@contextmanager
def _said(request: HttpRequest) -> Iterator[HttpResponse]:
    """Say what an operation refuses. Gives the answer for that case: the same page once more."""
    try:
        yield HttpResponseRedirect(request.get_full_path())
    except DomainError as error:
        messages.error(request, error.detail)
    except StartAgain:
        messages.error(request, BUSY)
