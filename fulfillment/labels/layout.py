"""Where everything stands on a label of 4 × 6 inches: one description in dots of 203 to the inch, which every writer follows.

Nothing overlaps, whatever an address says: each text has its own place, and becomes smaller and breaks into lines until it fits there.
"""

from __future__ import annotations

from dataclasses import dataclass

from fulfillment.labels import codes, fonts
from fulfillment.labels.content import LabelContent

DPI, WIDTH, HEIGHT = 203, 812, 1218
LEFT, RIGHT = 40, 772
ROOM = RIGHT - LEFT
NOT_YET = "NO WAYBILL YET: DO NOT HAND OVER"


@dataclass(frozen=True, slots=True)
class Text:
    """A line of bold text; (x, y) is the upper left corner. `inverse`: white on a filled box."""

    x: int
    y: int
    size: int
    text: str
    inverse: bool = False

    @property
    def width(self) -> float:
        return fonts.width(self.text, self.size, bold=True)


@dataclass(frozen=True, slots=True)
class Box:
    """A filled box; a flat one is a line."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Code128:
    """Bars of so many dots per module; the place keeps their quiet zones."""

    x: int
    y: int
    module: int
    height: int
    symbol: codes.Symbol

    @property
    def width(self) -> int:
        return len(self.symbol.modules) * self.module


@dataclass(frozen=True, slots=True)
class QR:
    """A QR code of so many dots per module."""

    x: int
    y: int
    module: int
    text: str

    @property
    def width(self) -> int:
        return len(codes.qr(self.text)) * self.module


Element = Text | Box | Code128 | QR


def lay_out(content: LabelContent) -> list[Element]:
    """The label of a package, or the one that brings it back."""
    return [
        *_head(content),
        Box(LEFT, 96, ROOM, 4),
        *_party("FROM", content.sender.short_lines, 106, 100, largest=28, smallest=16),
        Box(LEFT, 212, ROOM, 3),
        *_party("TO", content.receiver.lines, 222, 258, largest=50, smallest=20),
        Box(LEFT, 486, ROOM, 3),
        *_facts(content),
        Box(LEFT, 662, ROOM, 3),
        *_tracking(content),
        Box(LEFT, 890, ROOM, 3),
        *_serial(content),
    ]


def _head(content: LabelContent) -> list[Element]:
    place = f"{content.package} / {content.packages}"
    number = _one_line(place, RIGHT, 24, 160, 64, 56, right=True)
    carrier = content.carrier or "No carrier"
    if not content.is_return:
        return [_one_line(carrier, LEFT, 24, ROOM - 180, 64, 56), number]
    word = _one_line("RETURN", LEFT + 16, 28, 260, 60, 54, inverse=True)
    band = Box(LEFT, 24, int(word.width) + 32, 66)
    after = band.x + band.width + 20
    return [band, word, _one_line(carrier, after, 34, RIGHT - 180 - after, 50, 40), number]


def _party(caption: str, lines: list[str], y: int, height: int, *, largest: int, smallest: int) -> list[Element]:
    indent = LEFT + 84
    return [Text(LEFT, y, 22, caption), *_block(lines or ["ADDRESS NOT KNOWN YET"], indent, y, RIGHT - indent, height, largest, smallest)]


def _facts(content: LabelContent) -> list[Element]:
    code = QR(0, 0, 6, content.code)
    room = ROOM - code.width - 40
    half = room // 2
    return [
        Text(LEFT, 496, 20, "ORDER"),
        *_block([content.order], LEFT, 520, room, 54, 44, 16),
        Text(LEFT, 580, 20, "WEIGHT"),
        _one_line(content.weight or "–", LEFT, 602, half - 20, 54, 44),
        Text(LEFT + half, 580, 20, "PACKAGE"),
        _one_line(f"{content.package} of {content.packages}", LEFT + half, 602, half, 54, 44),
        QR(RIGHT - code.width - 6, 500, code.module, code.text),
    ]


def _tracking(content: LabelContent) -> list[Element]:
    if content.is_return:
        return _bars("RETURN OF ORDER", content.order)
    if content.tracking_number:
        return _bars("TRACKING", content.tracking_number)
    return _block([NOT_YET], LEFT, 690, ROOM, 180, 60, 40)


def _bars(caption: str, text: str) -> list[Element]:
    """The text and its Code 128; what no bars can say, or only too fine ones, is a QR code instead."""
    head: list[Element] = [Text(LEFT, 684, 20, caption)]
    symbol = codes.code128(text)
    module = _module(symbol) if symbol else 0
    if symbol and module:
        indent = LEFT + int(fonts.width(caption, 20, bold=True)) + 16
        return [*head, _one_line(text, indent, 672, RIGHT - indent, 42, 38), _centred(symbol, 720, module, 160)]
    size = len(codes.qr(text))
    code = QR(LEFT, 712, max(2, min(6, 168 // size)), text)
    indent = LEFT + code.width + 24
    return [*head, code, *_block([text], indent, 712, RIGHT - indent, 170, 38, 16)]


def _module(symbol: codes.Symbol) -> int:
    """The widest module up to half a millimetre with which the bars and their quiet zones fit; 0 when only too fine ones would."""
    modules = len(symbol.modules) + 2 * codes.QUIET_MODULES
    return next((module for module in (4, 3, 2) if modules * module <= WIDTH), 0)


def _centred(symbol: codes.Symbol, y: int, module: int, height: int) -> Code128:
    return Code128((WIDTH - len(symbol.modules) * module) // 2, y, module, height, symbol)


def _serial(content: LabelContent) -> list[Element]:
    if content.is_return or not content.sscc:
        return _block([f"Order {content.order}, package {content.package} of {content.packages}"], LEFT, 910, ROOM, 270, 60, 24)
    return [
        Text(LEFT, 908, 20, "SSCC"),
        _one_line(f"(00) {content.sscc_text}", LEFT + 70, 898, ROOM - 70, 40, 36),
        _centred(codes.gs1_sscc(content.sscc), 942, 4, 256),
    ]


def _block(texts: list[str], x: int, y: int, room: int, height: int, largest: int, smallest: int) -> list[Element]:
    """Texts one below the other, as large as their place allows."""
    fit = fonts.fitted(texts, room, height, largest=largest, smallest=smallest)
    step = fit.size * fonts.LEADING
    return [Text(x, y + int(place * step), fit.size, line) for place, line in enumerate(fit.lines)]


def _one_line(text: str, x: int, y: int, room: int, height: int, largest: int, *, right: bool = False, inverse: bool = False) -> Text:
    """A text in one line, as large as its place allows, in the middle of its height; `right`: x is where it ends."""
    text = fonts.writable(text)
    size = next((size for size in range(largest, 15, -2) if fonts.width(text, size, bold=True) <= room), 16)
    while fonts.width(text, size, bold=True) > room:
        text = f"{text[:-2]}…"
    line = Text(x, y + (height - int(size * fonts.LEADING)) // 2, size, text, inverse=inverse)
    return Text(x - int(line.width) - 1, line.y, size, text, inverse=inverse) if right else line
