"""The family of errors that operations raise. Each has a code, data and an HTTP status; one handler per face renders them all."""

from __future__ import annotations

from typing import Any, ClassVar


class DomainError(Exception):
    """Something that can't be done, said so that the reader knows what to do.

    `code` is stable and for programs, `detail` is for people, `data` says what was asked and what there was.
    """

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The operation failed"
    status: ClassVar[int] = 400

    def __init__(self, detail: str, /, *, errors: list[dict[str, Any]] | None = None, **data: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []
        self.data = data

    def facts(self) -> dict[str, Any]:
        """What was asked and what there was, for a program that reads it later."""
        return self.data | ({"errors": self.errors} if self.errors else {})

    def as_problem(self) -> dict[str, Any]:
        """The body of an RFC 9457 problem (without `instance`, which the face knows)."""
        problem: dict[str, Any] = {
            "type": f"urn:wms:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            problem["errors"] = self.errors
        return problem | ({"data": self.data} if self.data else {})


class ValidationFailed(DomainError):
    """The input itself is wrong; the same call will never succeed."""

    code = "validation_failed"
    title = "The input is not valid"
    status = 400


class Unprocessable(ValidationFailed):
    """Well formed, but it contradicts itself or an earlier call, e.g. an idempotency key used with another body."""

    code = "unprocessable"
    status = 422


class TooLarge(DomainError):
    """More was sent than is read in one call."""

    code = "too_large"
    title = "Too large"
    status = 413


class PermissionDenied(DomainError):
    """The actor holds none of the roles that the operation asks for."""

    code = "permission_denied"
    title = "Not allowed"
    status = 403


class NotFound(DomainError):
    """A named thing does not exist (or is not visible to the actor)."""

    code = "not_found"
    title = "Not found"
    status = 404


class Conflict(DomainError):
    """The state of the world does not allow it now."""

    code = "conflict"
    title = "Conflict"
    status = 409


class TransitionRefused(Conflict):
    """The document or task is not in a state from which this step is possible."""

    code = "transition_refused"
    title = "This step is not possible now"


class StaleVersion(DomainError):
    """Somebody changed the row since the caller read it."""

    code = "stale_version"
    title = "Changed meanwhile"
    status = 412


class VersionRequired(DomainError):
    """A change was sent without saying which version it is based on."""

    code = "version_required"
    title = "If-Match is required"
    status = 428


class Unavailable(DomainError):
    """A partner or a service that the operation needs does not answer; the same call may succeed later."""

    code = "unavailable"
    title = "Temporarily unavailable"
    status = 503


class BadGateway(DomainError):
    """A partner answered, and refused; the same call will be refused again until somebody changes something there or here."""

    code = "refused_by_partner"
    title = "A partner refused"
    status = 502
