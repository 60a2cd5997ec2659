"""Tables for spreadsheets, streamed row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import StreamingHttpResponse

from warehouse.core.exports import cell

LINES_PER_PART = 500


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
