"""The typeface of labels and slips, DejaVu Sans Condensed: how wide a text is, and how it is broken into lines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

FOLDER = Path(__file__).resolve().parent / "fonts"
FILES = {False: FOLDER / "DejaVuSansCondensed.ttf", True: FOLDER / "DejaVuSansCondensed-Bold.ttf"}
PDF_NAMES = {False: "LabelSans", True: "LabelSans-Bold"}
# Of the size: where the baseline is below the top of a line, and how far lines are apart.
ASCENT, LEADING = 0.93, 1.2
# What stands for a character that the typeface does not have.
MISSING = "\u25a1"


@lru_cache(maxsize=128)
def font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """The typeface for pictures. Laid out letter by letter, as in the PDF."""
    return ImageFont.truetype(FILES[bold], size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1)
def pdf_fonts() -> dict[bool, TTFont]:
    """The typefaces for PDF, registered once in a process."""
    fonts = {bold: TTFont(PDF_NAMES[bold], str(FILES[bold])) for bold in (False, True)}
    for each in fonts.values():
        pdfmetrics.registerFont(each)
    return fonts


@lru_cache(maxsize=2)
def _known(bold: bool) -> frozenset[int]:
    return frozenset(pdf_fonts()[bold].face.charToGlyph)


def writable(text: str, *, bold: bool = True) -> str:
    """The text with a box for each character that the typeface does not have, so that nobody takes it for complete."""
    known = _known(bold)
    return "".join(char if ord(char) in known else MISSING for char in text)


def width(text: str, size: int, *, bold: bool) -> float:
    """How wide the text is at this size."""
    return font(size, bold).getlength(text)


def wrapped(text: str, size: int, room: int, *, bold: bool) -> list[str]:
    """The text in lines of at most this width, broken at blanks; a word that is wider is broken where it must be."""
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if width(longer, size, bold=bold) <= room:
            line = longer
            continue
        if line:
            lines.append(line)
        *full, line = _broken(word, size, room, bold=bold)
        lines += full
    return [*lines, line] if line else lines


def _broken(word: str, size: int, room: int, *, bold: bool) -> list[str]:
    pieces, piece = [], ""
    for char in word:
        if piece and width(piece + char, size, bold=bold) > room:
            pieces.append(piece)
            piece = ""
        piece += char
    return [*pieces, piece]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Lines of text and the size at which they fit."""

    size: int
    lines: list[str]


def fitted(texts: list[str], room: int, height: int, *, largest: int, smallest: int, bold: bool = True) -> Fitted:
    """The texts, each from a new line, as large as the place allows. What does not fit even at the smallest size ends in an ellipsis."""
    texts = [writable(text, bold=bold) for text in texts]
    lines: list[str] = []
    for size in range(largest, smallest - 1, -2):
        lines = [line for text in texts for line in wrapped(text, size, room, bold=bold)]
        if len(lines) * size * LEADING <= height:
            return Fitted(size, lines)
    return Fitted(smallest, _cut(texts, smallest, room, int(height / (smallest * LEADING)), bold=bold))


def _cut(texts: list[str], size: int, room: int, rows: int, *, bold: bool) -> list[str]:
    """So many rows: the longest texts give way first, so that no text is lost whole."""
    parts = [wrapped(text, size, room, bold=bold) for text in texts]
    whole = [len(part) for part in parts]
    while sum(map(len, parts)) > rows and max(map(len, parts), default=0) > 1:
        longest = max(range(len(parts)), key=lambda place: len(parts[place]))
        parts[longest].pop()
    for part, length in zip(parts, whole, strict=True):
        if len(part) < length:
            last = part[-1]
            while last and width(f"{last}…", size, bold=bold) > room:
                last = last[:-1]
            part[-1] = f"{last}…"
    return [line for part in parts for line in part][:rows]
