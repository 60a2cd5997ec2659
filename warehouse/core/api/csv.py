"""Tables for spreadsheets, streamed row by row, and files that come in."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

from django.conf import settings
from django.http import StreamingHttpResponse
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from warehouse.core.errors import TooLarge
from warehouse.core.exports import cell

LINES_PER_PART = 500


class CsvParser(BaseParser):
    """A file of lines as the body of a call; UTF-8, and no more of it than setting IMPORT_BYTES."""

    media_type = "text/csv"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> str:  # type: ignore[override]
        content = stream.read(settings.IMPORT_BYTES + 1)
        if len(content) > settings.IMPORT_BYTES:
            largest = settings.IMPORT_BYTES
            raise TooLarge(f"The file has more than {largest:,} bytes. Split it.", largest=largest)
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise ParseError(f"The file is not UTF-8: byte {error.start} is none. Save it as UTF-8.") from None


class _Line:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_response(filename: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """The rows as a download; UTF-8 with a mark, so that spreadsheets know."""

    def parts() -> Iterator[str]:
        writer = csv.writer(_Line())
        part = ["\ufeff" + writer.writerow(header)]
        for row in rows:
            part.append(writer.writerow([cell(value) for value in row]))
            if len(part) == LINES_PER_PART:
                yield "".join(part)
                part = []
        yield "".join(part)

    response = StreamingHttpResponse(parts(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["Cache-Control"] = "no-store"
    return response
