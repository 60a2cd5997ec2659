"""Steps of a document or task as buttons: GET shows a form, POST calls the operation. Nothing else in the admin changes a document's state.

Unfold's own actions would do the work on GET when they have no dialog, and know neither states nor operations; of them only the buttons are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django_fsm import can_proceed
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from warehouse.core.actor import Actor
from warehouse.core.admin import RoleAdmin, actor_of
from warehouse.core.errors import DomainError
from warehouse.core.transactions import Operation

UNVERSIONED = -1
# So many lines of a refusal are shown.
LISTED = 20
FOR_PROGRAMS = {"field", "code", "item", "skipped", "package"}


class StepForm(forms.Form):
    """What a step asks. The hidden version is the one that the reader of the dialog has seen: whoever comes second gets StaleVersion."""

    # Fields that a link to the step may fill in; they are seen, and can be changed, before anything is done.
    filled_by_links: ClassVar[Sequence[str]] = ()

    expected_version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, row: Any, actor: Actor, **kwargs: Any) -> None:
        self.row, self.actor = row, actor
        super().__init__(*args, **kwargs)

    def arguments(self) -> dict[str, Any]:
        """The operation's keyword arguments."""
        return {name: value for name, value in self.cleaned_data.items() if name != "expected_version"}

    def tells(self) -> list[str]:
        """What the reader should know of the row before answering, a line each."""
        return []

    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields as the dialog shows them: one group without a title, unless a step has several things to ask about."""
        return [("", list(self))]


class ReasonForm(StepForm):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True}), help_text="Kept with the document.")


def text_field(label: str, *, required: bool = True, autofocus: bool = False, help_text: str = "", max_length: int = 200) -> forms.CharField:
    attrs = {"autofocus": True, "autocomplete": "off"} if autofocus else {"autocomplete": "off"}
    return forms.CharField(label=label, required=required, max_length=max_length, help_text=help_text, widget=UnfoldAdminTextInputWidget(attrs=attrs))


def quantity_field(
    label: str = "Quantity", *, required: bool = True, min_value: Any = 0, help_text: str = "", decimals: int = 3
) -> forms.DecimalField:
    widget = UnfoldAdminDecimalFieldWidget(attrs={"step": "any"})
    return forms.DecimalField(
        label=label, required=required, min_value=min_value, max_digits=14, decimal_places=decimals, help_text=help_text, widget=widget
    )


def choice_field(label: str, choices: Any, *, required: bool = True) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, required=required, widget=UnfoldAdminSelectWidget())


def can(transition: str) -> Callable[[Any], bool]:
    """Whether django-fsm would let the row take this transition now."""

    def possible(row: Any) -> bool:
        return bool(can_proceed(getattr(row, transition)))

    return possible


Call = Callable[[Any, dict[str, Any], Actor, int], Any]


@dataclass(frozen=True)
class Step:
    """A button: the operation behind it, when it is possible, what it asks, and what it says."""

    name: str
    title: str
    operation: Operation[..., Any]
    possible: Callable[[Any], bool]
    description: str = ""
    form: type[StepForm] = StepForm
    icon: str = ""
    variant: ActionVariant = ActionVariant.DEFAULT
    call: Call | None = None
    version: str = "version"
    # What Unfold asks of an action.
    attrs: dict[str, str] = field(default_factory=dict)
    dialog: bool = True

    def version_of(self, row: Any) -> int:
        return cast(int, getattr(row, self.version)) if self.version else UNVERSIONED

    def run(self, row: Any, arguments: dict[str, Any], actor: Actor, version: int) -> Any:
        """Call the operation; it asks again for the permission, the state and the version."""
        if self.call is not None:
            return self.call(row, arguments, actor, version)
        if version != UNVERSIONED:
            arguments = arguments | {"expected_version": version}
        return self.operation(row.pk, **arguments, actor=actor)


class StepsAdmin(RoleAdmin):
    """A page whose buttons are `steps`: only those that are possible now and that the user may take; and `prints`, which change nothing."""

    steps: ClassVar[Sequence[Step]] = ()
    prints: ClassVar[Sequence[str]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actions_detail = [*self.prints, *(step.name for step in self.steps)]
        for step in self.steps:
            setattr(self, step.name, self._view_of(step))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, str(object_id))
        if row is None:
            return []
        offered = {self._full_name(step.name) for step in self.steps if step.operation.allowed(actor_of(request)) and step.possible(row)}
        offered |= {self._full_name(name) for name in self.prints}
        return [action for action in self._get_base_actions_detail() if action.action_name in offered]

    def named(self, row: Any) -> str:
        """What the row is called in dialogs and messages."""
        return str(row)

    def _full_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def _view_of(self, step: Step) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self.take_step(request, object_id, step)

        view.__name__ = step.name
        view.short_description = step.title  # type: ignore[attr-defined]
        view.url_path = step.name.replace("_", "-")  # type: ignore[attr-defined]
        view.icon, view.variant, view.dialog, view.attrs = step.icon, step.variant, step.dialog, step.attrs  # type: ignore[attr-defined]
        return view

    def take_step(self, request: HttpRequest, object_id: str, step: Step) -> HttpResponse:
        """GET: the dialog. POST: the operation; what it refuses is shown in the dialog and nothing has changed."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id}.")
        actor = actor_of(request)
        if not self.has_view_permission(request, row) or not step.operation.allowed(actor):
            raise PermissionDenied
        if request.method != "POST":
            filled = {name: request.GET[name] for name in step.form.filled_by_links if name in request.GET}
            form = step.form(row=row, actor=actor, initial={**filled, "expected_version": step.version_of(row)})
            return self._dialog(request, row, step, form, None)
        form = step.form(request.POST, request.FILES, row=row, actor=actor)
        if not form.is_valid():
            return self._dialog(request, row, step, form, None)
        try:
            step.run(row, form.arguments(), actor, form.cleaned_data["expected_version"])
        except DomainError as error:
            return self._dialog(request, row, step, form, error)
        self.log_change(request, row, f"{step.title}{_reason_of(form)}")
        messages.success(request, f"{self.named(row)}: {step.title.lower()} – done.")
        return self._back(request, row)

    def _dialog(self, request: HttpRequest, row: Model, step: Step, form: StepForm, error: DomainError | None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{step.title}: {self.named(row)}",
            "step": step,
            "form": form,
            "error": error,
            "error_data": readable(error) if error else [],
            "row": self.named(row),
            "opts": self.opts,
            "back": self._url_of(row),
            "possible": step.possible(row) or request.method == "POST",
        }
        template = "admin/step_dialog.html" if request.headers.get("HX-Request") else "admin/step_page.html"
        return TemplateResponse(request, template, context)

    def _back(self, request: HttpRequest, row: Model) -> HttpResponse:
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": self._url_of(row)})
        return HttpResponseRedirect(self._url_of(row))

    def _url_of(self, row: Model) -> str:
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])


def readable(error: DomainError) -> list[str]:
    """What a refusal lists, as lines for people: e.g. one per line that is short. Ids and codes are for programs. Of many the first, and how many more."""
    lines = [line for line in map(_line, error.errors) if line]
    return [*lines[:LISTED], f"and {len(lines) - LISTED} more"] if len(lines) > LISTED else lines


def _line(entry: dict[str, Any]) -> str:
    told = {name: value for name, value in entry.items() if name not in FOR_PROGRAMS and not name.endswith("_id") and _says_something(value)}
    return ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in told.items())


def _says_something(value: Any) -> bool:
    return value is not False and value not in (None, "", [], ())


def _reason_of(form: StepForm) -> str:
    reason = form.cleaned_data.get("reason")
    return f": {reason}" if reason else ""
