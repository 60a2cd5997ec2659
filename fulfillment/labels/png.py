"""The picture of a label: what a printer makes of our ZPL, dot by dot. Reads the commands that `zpl` writes, and no others.

So the preview shows what is sent, with all its escapes; only the typeface of Western letters is ours instead of the printer's narrower one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image, ImageChops, ImageDraw

from fulfillment.labels import codes, fonts
from fulfillment.labels.layout import DPI
from fulfillment.labels.zpl import QR_SINKS

WHITE, BLACK = 255, 0
_COMMAND = re.compile(r"\^(A0|XA|XZ|CI|PW|LL|LH|FO|FR|GB|BY|BC|BQ|GFA|FH|FD|FS)([^^]*)")


@dataclass
class _Field:
    """What the commands since `^FO` said."""

    x: int = 0
    y: int = 0
    reverse: bool = False
    kind: str = ""
    numbers: list[int] = field(default_factory=list)
    hexadecimal: bool = False
    data: str = ""
    row_bytes: int = 0


def png_of(zpl: str) -> bytes:
    """The picture as a PNG file that knows its size on paper."""
    out = BytesIO()
    picture_of(zpl).convert("1").save(out, "PNG", dpi=(DPI, DPI))
    return out.getvalue()


def picture_of(zpl: str) -> Image.Image:
    """The label as it is printed. Raises ValueError for what we never write."""
    text = zpl.replace("\n", "")
    commands = list(_COMMAND.finditer(text))
    if "".join(match[0] for match in commands) != text:
        raise ValueError("This is not ZPL of ours.")
    sizes = {match[1]: match[2] for match in commands if match[1] in ("PW", "LL")}
    label = Image.new("L", (int(sizes["PW"]), int(sizes["LL"])), WHITE)
    now, module = _Field(), 2
    for match in commands:
        name, said = match[1], match[2]
        if name == "FO":
            x, y = said.split(",")
            now = _Field(int(x), int(y))
        elif name == "FR":
            now.reverse = True
        elif name == "BY":
            module = int(said)
        elif name in ("A0", "GB", "BC", "BQ"):
            now.kind, now.numbers = name, [int(part) for part in said.split(",") if part.isdigit()]
        elif name == "GFA":
            _count, _total, row_bytes, now.data = said.lstrip(",").split(",")
            now.kind, now.row_bytes = name, int(row_bytes)
        elif name == "FH":
            now.hexadecimal = True
        elif name == "FD":
            now.data = _unescaped(said) if now.hexadecimal else said
        elif name == "FS":
            _draw(label, now, module)
    return label


def _unescaped(said: str) -> str:
    return re.sub(r"_([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), said)


def _draw(label: Image.Image, now: _Field, module: int) -> None:
    layer = Image.new("L", label.size, WHITE)
    pen = ImageDraw.Draw(layer)
    if now.kind == "A0":
        size = now.numbers[0]
        pen.text((now.x, now.y + round(size * fonts.ASCENT)), now.data, fill=BLACK, font=fonts.font(size, True), anchor="ls")
        layer = layer.point(lambda value: WHITE if value > 127 else BLACK)
    elif now.kind == "GB":
        pen.rectangle((now.x, now.y, now.x + now.numbers[0] - 1, now.y + now.numbers[1] - 1), fill=BLACK)
    elif now.kind == "BC":
        _bars(pen, codes.bars(_values(now.data)), now.x, now.y, module, now.numbers[0])
    elif now.kind == "BQ":
        for down, row in enumerate(codes.qr(now.data.removeprefix("MA,"))):
            _bars(pen, "".join("1" if dot else "0" for dot in row), now.x, now.y + QR_SINKS + down * now.numbers[1], now.numbers[1], now.numbers[1])
    elif now.kind == "GFA":
        data = bytes.fromhex(now.data)
        layer.paste(BLACK, (now.x, now.y), Image.frombytes("1", (now.row_bytes * 8, len(data) // now.row_bytes), data))
    label.paste(ImageChops.invert(ImageChops.difference(label, layer)) if now.reverse else ImageChops.darker(label, layer))


def _bars(pen: ImageDraw.ImageDraw, modules: str, x: int, y: int, module: int, height: int) -> None:
    for place, bar in enumerate(modules):
        if bar == "1":
            pen.rectangle((x + place * module, y, x + (place + 1) * module - 1, y + height - 1), fill=BLACK)


def _values(said: str) -> tuple[int, ...]:
    """The symbol values of what `^BC` is told in mode N."""
    starts = {":": codes.START_B, ";": codes.START_C}
    switches = {"5": codes.TO_C, "6": codes.TO_B, "8": codes.FNC1}
    characters = {"0": ">", "=": "~", "<": "^"}
    values = [starts[said[1]]]
    place = 2
    while place < len(said):
        in_c = next(value for value in reversed(values) if value in (codes.START_B, codes.START_C, codes.TO_B, codes.TO_C))
        if said[place] == ">" and said[place + 1] in switches:
            values.append(switches[said[place + 1]])
        elif said[place] == ">":
            values.append(ord(characters[said[place + 1]]) - 32)
        elif in_c in (codes.START_C, codes.TO_C):
            values.append(int(said[place : place + 2]))
        else:
            values.append(ord(said[place]) - 32)
            place -= 1
        place += 2
    return tuple(values)
