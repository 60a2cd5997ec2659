"""The OpenAPI description, said by the views themselves: names, roles, headers, problems."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.serializers import ListSerializer

from warehouse.core.actor import Role
from warehouse.core.api.auth import BearerAuthentication, _role_reads
from warehouse.core.api.problems import PROBLEM, Problem
from warehouse.core.transactions import Operation

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Any text of yours. The same call with the same key has its effect once and gets the first answer again; another body gets 422, a call "
    "that still runs 409. The key is kept together with the effect: a call that failed may be repeated with its key.",
)
IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The ETag that you have read; 412 when somebody changed it since.")
IF_MATCH_DEMANDED = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag that you have read; 412 when somebody changed it since.", required=True
)
STANDARD = {"list": "list", "create": "create", "retrieve": "get", "partial_update": "update", "destroy": "delete"}


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = BearerAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "`manage.py create_token USER` gives one."}


class Schema(AutoSchema):
    """Reads what `warehouse.outbox.http.Endpoints` declares."""

    view: Any

    def _is_list_view(self, serializer: Any = None) -> bool:
        if isinstance(serializer, ListSerializer):
            return True
        if hasattr(self.view, "lists"):
            return self.method == "GET" and self.view.action in self.view.lists
        return super()._is_list_view(serializer)

    def get_operation_id(self) -> str:
        noun = "_".join(part.replace("-", "_") for part in self._tokenize_path())
        action = getattr(self.view, "action", None)
        if action is None:
            return f"{self.method.lower()}_{noun}"
        if action in STANDARD:
            return f"{STANDARD[action]}_{noun if action == 'list' else _singular(noun)}"
        operation = self._operation()
        return operation.name if operation else f"get_{noun}"

    def _get_serializer_name(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> str:
        name: str = super()._get_serializer_name(serializer, direction, bypass_extensions)
        return f"{name}put" if name.endswith("In") else name.removesuffix("Out")

    def get_tags(self) -> list[str]:
        return [self._tokenize_path()[0]]

    def get_summary(self) -> str | None:
        action = getattr(self.view, "action", None)
        if action in ("list", "retrieve"):
            words = " ".join(self._tokenize_path()).replace("-", " ")
            return f"List {words}" if self._is_list_view() else f"One of {words}" if "{" in self.path else words.capitalize()
        own = getattr(getattr(self.view, action or "", None), "__doc__", None) or ""
        return own.strip().split("\n")[0].rstrip(".") or None

    def get_description(self) -> str:  # type: ignore[override]
        view, action = self.view, getattr(self.view, "action", None)
        text = super().get_description().strip()
        operation = self._operation()
        if operation:
            roles = {Role.MANAGER, *operation.roles}
            if action not in view.described:
                text = (operation.__doc__ or text).split("\n\n")[0].strip()
        elif hasattr(view, "shows"):
            roles = {role for role in Role if _role_reads(role, view)}
        else:
            roles = set(getattr(view, "roles", ()))
        return f"{text}\n\nRoles: {', '.join(sorted(role.value for role in roles))}." if roles else text

    def get_request_serializer(self) -> Any:
        inputs: Mapping[str, Any] = getattr(self.view, "inputs", {})
        return inputs.get(getattr(self.view, "action", None) or "") if self.method != "GET" else None

    def get_response_serializers(self) -> Any:
        if not hasattr(self.view, "outputs"):
            return super().get_response_serializers()
        if self.method == "DELETE":
            return {204: None}
        serializer = self.view.outputs.get(self.view.action) or self.view.serializer_class
        if self._is_list_view():
            return serializer(many=True)
        return {self.view.created.get(self.view.action, 200): serializer}

    def get_override_parameters(self) -> list[Any]:
        parameters = list(getattr(self.view, "parameters", {}).get(getattr(self.view, "action", None), []))
        operation = self._operation()
        if self.method == "POST" and operation:
            parameters.append(IDEMPOTENCY_KEY)
        if self.method == "PATCH":
            parameters.append(IF_MATCH_DEMANDED)
        elif operation and self.view.takes_version(operation):
            parameters.append(IF_MATCH)
        return parameters

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        component = self.resolve_serializer(Problem, direction)
        bodies["default"] = {"description": "A problem (RFC 9457).", "content": {PROBLEM: {"schema": component.ref}}}
        if self._shows_version():
            for code in ("200", "201"):
                if code in bodies:
                    bodies[code]["headers"] = {"ETag": {"description": "The version; send it back as If-Match.", "schema": {"type": "string"}}}
        return bodies

    def _operation(self) -> Operation[..., Any] | None:
        return getattr(self.view, "operations", {}).get(getattr(self.view, "action", None))

    def _shows_version(self) -> bool:
        return bool(getattr(self.view, "version_field", "")) and not self._is_list_view()


def without_last_slash(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """An address works with and without a slash at its end; the one without is described."""
    return [(re.sub(r"/$", "", path), regex, method, callback) for path, regex, method, callback in endpoints]


def _singular(noun: str) -> str:
    for ending, instead in (("batches", "batch"), ("ies", "y"), ("s", "")):
        if noun.endswith(ending):
            return noun.removesuffix(ending) + instead
    return noun
