"""What the consumers gave up: look at it, put it back, or forget it."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from warehouse.outbox.letters import DeadLetters, Letter
from warehouse.outbox.resilience import connect_redis

# A terminal is for reading: of a letter so many fields are shown, of each so many characters. JSON has all.
SHOWN_FIELDS, SHOWN_CHARACTERS = 50, 200


def letter_id(text: str) -> str:
    """An id as Redis writes it."""
    if not re.fullmatch(r"[0-9]{1,20}-[0-9]{1,20}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no id of a letter, such as 1763611200000-0")
    return text


class Command(BaseCommand):
    help = "List the dead letters of a stream with their reasons; put entries back into the stream, or forget them. Exits 1 when there is no such letter."
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("stream", nargs="?", default=settings.ORDERS_STREAM, metavar="STREAM", help=f"default {settings.ORDERS_STREAM}")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--requeue", type=lambda text: text if text == "all" else letter_id(text), metavar="ID|all", help="back into the stream")
        what.add_argument("--drop", type=letter_id, metavar="ID", help="forget it for good")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, stream: str, requeue: str | None, drop: str | None, **options: Any) -> None:
        letters = DeadLetters(connect_redis(settings.LISTINGS_REDIS_URL, decode=False), stream)
        try:
            if requeue:
                found = list(letters) if requeue == "all" else [_require(letters, requeue)]
                # Somebody else may have taken a letter meanwhile.
                moved = [(letter, entry) for letter in found if (entry := letters.requeue(letter.id))]
                answer = {"requeued": [{"id": letter.id, "entry_id": entry} for letter, entry in moved]}
                lines = [f"{letter.id} went back to {stream} as {entry}" for letter, entry in moved] or ["Nothing to put back."]
            elif drop:
                letter = _require(letters, drop)
                letters.drop(drop)
                answer, lines = {"dropped": [asdict(letter)]}, [f"{letter.id} is forgotten: {_shown(letter)}"]
            else:
                found = list(letters)
                answer = {"letters": [asdict(letter) for letter in found]}
                lines = [_described(letter) for letter in found] or [f"{stream} has no dead letters."]
        except redis.RedisError as error:
            raise CommandError(f"Redis can't be asked now: {error}") from error
        self.stdout.write(json.dumps({"stream": stream, **answer}, ensure_ascii=False, indent=1) if options["json"] else "\n".join(lines))


def _require(letters: DeadLetters, wanted: str) -> Letter:
    letter = letters.find(wanted)
    if letter is None:
        raise CommandError(f"{letters.key} has no letter {wanted}.")
    return letter


def _described(letter: Letter) -> str:
    return f"{letter.id}  {letter.failed_at}  {letter.code}: {_cut(letter.detail)}\n    entry {letter.entry_id}: {_shown(letter)}"


def _shown(letter: Letter) -> str:
    fields = [f"{_cut(name)}={_cut(value)}" for name, value in list(letter.fields.items())[:SHOWN_FIELDS]]
    more = len(letter.fields) - len(fields)
    return " ".join([*fields, f"… and {more} more fields (--json shows all)"] if more else fields)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…({len(text)} characters, --json shows all)"
