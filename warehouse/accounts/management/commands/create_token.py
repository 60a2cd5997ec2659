"""Give a program (or a person) a token for the REST API."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from knox.models import AuthToken

from warehouse.accounts.models import User
from warehouse.core.actor import Actor


class Command(BaseCommand):
    help = "Print a new token for USER, to be sent as `Authorization: Bearer <token>`. It is kept as a hash: it can't be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the user name; what the token may do follows from the user's groups")
        parser.add_argument("--days", type=int, help="how long it is valid; default: until it is revoked")
        parser.add_argument(
            "--revoke", action="store_true", help="take back all earlier tokens of the user, and give none unless --days says for how long"
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['user']}.")
        roles = sorted(role.value for role in Actor.of_user(user).roles)
        if not roles:
            raise CommandError(f"{user.username} holds no role: a token would open nothing. Put the user into a group first.")
        revoked = AuthToken.objects.filter(user=user).delete()[0] if options["revoke"] else 0
        token, expires_at = "", None
        if options["days"] or not options["revoke"]:
            life = timedelta(days=options["days"]) if options["days"] else None
            expires_at = timezone.now() + life if life else None
            _, token = AuthToken.objects.create(user, expiry=life)
        if options["json"]:
            self.stdout.write(
                json.dumps({"user": user.username, "roles": roles, "token": token, "expires_at": expires_at, "revoked": revoked}, default=str)
            )
        else:
            limit = f"valid until {expires_at:%Y-%m-%d %H:%M} UTC" if expires_at else "no limit"
            self.stderr.write(f"{user.username} ({', '.join(roles)}): {limit if token else 'no new token'}; {revoked} revoked.")
            if token:
                self.stdout.write(token)
