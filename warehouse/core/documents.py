"""What every business document and task has in common: a number, a guarded state, a version."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone
from django_fsm import TransitionNotAllowed, can_proceed

from warehouse.core.errors import Conflict, TransitionRefused, ValidationFailed

REASON_LENGTH = 200

logger = logging.getLogger(__name__)


class Versioned(models.Model):
    """A row that counts its changes. Operations change it only under its lock, through `save_changes`."""

    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def save_changes(self, *fields: str) -> None:
        """Write these fields of a locked row and count the version up."""
        self.version += 1
        self.save(update_fields=[*fields, "version", "updated_at"])


def save_all(rows: Sequence[Versioned], *fields: str) -> None:
    """Write these fields of locked rows of one model and count their versions up, in one statement however many they are."""
    now = timezone.now()
    for row in rows:
        row.version, row.updated_at = row.version + 1, now
    if rows:
        type(rows[0])._default_manager.bulk_update(rows, [*fields, "version", "updated_at"])


class Document(Versioned):
    """A numbered paper with a state machine. `number_prefix` is the three letters before the year.

    The states live in a protected FSMField named `status`; change them by `take(document, "transition", ...)` inside an operation.
    """

    number_prefix: ClassVar[str]

    number = models.CharField(max_length=20, unique=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+")
    notes = models.TextField(blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.number

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.number:
            self.number = next_number(self.number_prefix)
        super().save(*args, **kwargs)


def take(row: Any, transition: str, /, **kwargs: Any) -> None:
    """Take a django-fsm transition of a locked row; the caller saves.

    Logged once it is committed: INFO for documents, tasks and orders, DEBUG for their items. Raises TransitionRefused with what is possible now.
    """
    method = getattr(row, transition)
    before = row.status
    if not can_proceed(method):
        possible = sorted({t.name for t in row.get_available_status_transitions()})
        raise TransitionRefused(
            f"{row} is {row.status.replace('_', ' ')}: it is not possible to {transition.replace('_', ' ')} it now.",
            status=row.status,
            asked=transition,
            possible=possible,
        )
    try:
        method(**kwargs)
    except TransitionNotAllowed as error:
        raise TransitionRefused(str(error), status=row.status, asked=transition) from error
    level = logging.INFO if isinstance(row, Versioned) else logging.DEBUG
    if logger.isEnabledFor(level):
        fields = {_id_of(type(row)): row.pk, "was": str(before), "status": str(row.status)}
        if hasattr(row, "order_id"):
            fields["order_id"] = row.order_id
        if hasattr(row, "task_id"):
            # `task_id` alone is what a background job's lines carry.
            fields[_id_of(row._meta.get_field("task").related_model)] = row.task_id
        transaction.on_commit(partial(logger.log, level, "%s: %s", row._meta.verbose_name, row.status, extra=fields))


def _id_of(model: type[models.Model]) -> str:
    return f"{model._meta.verbose_name}_id".replace(" ", "_")


def cancel(document: Any, reason: str, *, needed: bool = True) -> str:
    """Give up a locked document: take its transition `cancel`, keep why (and when, where it keeps that), write it. Returns the reason as it is kept.

    Raises TransitionRefused, and as `require_reason`.
    """
    document.cancellation_reason = require_reason(reason, needed=needed)
    take(document, "cancel")
    fields = ["status", "cancellation_reason"]
    if hasattr(document, "cancelled_at"):
        document.cancelled_at = timezone.now()
        fields.append("cancelled_at")
    document.save_changes(*fields)
    return str(document.cancellation_reason)


def require_reason(reason: str, *, needed: bool = True, field: str = "reason") -> str:
    """What a person gave as the reason, or noted, stripped. Raises ValidationFailed for a text longer than is kept, or, where one is needed, empty."""
    reason = reason.strip()
    if needed and not reason:
        raise ValidationFailed("Say why.", errors=[{"field": field, "code": "required"}])
    if len(reason) > REASON_LENGTH:
        raise ValidationFailed(
            f"The {field.replace('_', ' ')} may have {REASON_LENGTH} characters; this one has {len(reason)}.",
            errors=[{"field": field, "code": "too_long", "most": REASON_LENGTH}],
        )
    return reason


def require_status(document: Any, states: Collection[str]) -> None:
    """Raise TransitionRefused unless the locked document is in one of these states."""
    if document.status not in states:
        labels = dict(document._meta.get_field("status").choices)
        wanted = " or ".join(str(label) for state, label in labels.items() if state in states)
        raise TransitionRefused(
            f"{document} is {document.get_status_display()}: this is possible only while it is {wanted}.",
            status=document.status,
            possible_while=[state for state in labels if state in states],
        )


def require_known(values: Iterable[str], known: Collection[str]) -> None:
    """Raise ValidationFailed naming every field that a change may not rewrite."""
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValidationFailed(
            f"These can't be changed: {', '.join(unknown)}.", errors=[{"field": name, "code": "unknown_field"} for name in unknown]
        )


def apply_values(row: models.Model, values: Mapping[str, Any], known: Collection[str]) -> None:
    """Give a new row, or a locked one, these values, texts stripped, and judge it. Raises ValidationFailed, as `require_known` and `require_valid`."""
    require_known(values, known)
    for name, value in values.items():
        setattr(row, name, value.strip() if isinstance(value, str) else value)
    require_valid(row)


def require_valid(row: models.Model) -> None:
    """Raise ValidationFailed naming every field that the validators of its model refuse. What must be unique is left to the database."""
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        errors = [{"field": field, "code": "invalid", "detail": " ".join(texts)} for field, texts in error.message_dict.items()]
        raise ValidationFailed(" ".join(f"{entry['field']}: {entry['detail']}" for entry in errors), errors=errors) from None


def write_values(row: Versioned, fields: Collection[str], refused: Callable[[str], tuple[str, str]]) -> None:
    """Insert a new row, or write these fields of a locked one.

    refused: given the name of the constraint that said no, the field at fault and the sentence of the Conflict that is raised.
    """
    try:
        with transaction.atomic():  # a savepoint, so that what stands in the way can be read
            if row.pk is None:
                row.save()
            else:
                row.save_changes(*fields)
    except IntegrityError as error:
        field, sentence = refused(getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or "")
        raise Conflict(sentence, errors=[{"field": field, "code": "taken"}]) from error


def next_number(prefix: str) -> str:
    """The next number of a kind of document in this year (UTC), such as RCV-2026-000001. From a sequence: never waits, may leave gaps."""
    return next_numbers(prefix, 1)[0]


def next_numbers(prefix: str, count: int) -> list[str]:
    """As many next numbers, one statement."""
    year = timezone.now().year
    sequence = f"wms_number_{prefix.lower()}_{year}"
    draw = "SELECT nextval(to_regclass(%s)) FROM generate_series(1, %s)"
    with connection.cursor() as cursor:
        cursor.execute(draw, [sequence, count])
        values = [value for (value,) in cursor.fetchall()]
        if None in values:  # the first document of the year
            cursor.execute(f"CREATE SEQUENCE IF NOT EXISTS {sequence}")
            cursor.execute(draw, [sequence, count])
            values = [value for (value,) in cursor.fetchall()]
    return [f"{prefix}-{year}-{value:06d}" for value in values]
