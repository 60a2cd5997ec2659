"""A label in ZPL II, as a thermal printer of 203 dpi takes it.

Text is `^FH^FD…^FS` with `_5E` for `^`, `_7E` for `~` and `_5F` for `_`: nothing that an address says can be a command. The printer's own typeface has
Western letters only; other lines are sent as pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from fulfillment.labels import fonts
from fulfillment.labels.layout import HEIGHT, QR, WIDTH, Box, Code128, Element, Text

ESCAPED = {ord("^"): "_5E", ord("~"): "_7E", ord("_"): "_5F"}
# The printer draws a QR code so far below its place.
QR_SINKS = 10


def zpl_of(elements: Sequence[Element]) -> str:
    """The whole label."""
    return "\n".join([f"^XA^CI28^PW{WIDTH}^LL{HEIGHT}^LH0,0", *map(_written, elements), "^XZ", ""])


def _written(element: Element) -> str:
    if isinstance(element, Box):
        at = f"^FO{element.x},{element.y}"
        return f"{at}^GB{element.width},{element.height},{min(element.width, element.height)}^FS"
    if isinstance(element, Code128):
        return f"^FO{element.x},{element.y}^BY{element.module}^BCN,{element.height},N,N,N^FH^FD{escaped(element.symbol.zpl)}^FS"
    if isinstance(element, QR):
        return f"^FO{element.x},{element.y - QR_SINKS}^BQN,2,{element.module}^FH^FDMA,{escaped(element.text)}^FS"
    return _text(element)


def _text(line: Text) -> str:
    at = f"^FO{line.x},{line.y}" + ("^FR" if line.inverse else "")
    if all(" " <= char <= "~" or "\u00a1" <= char <= "\u00ff" for char in line.text):
        return f"{at}^A0N,{line.size},{line.size}^FH^FD{escaped(line.text)}^FS"
    return at + _picture(line) + "^FS"


def _picture(line: Text) -> str:
    """`^GFA` of the line: a bit per dot, rows of whole bytes, in hexadecimal."""
    across, down = max(1, int(line.width) + 2), int(line.size * fonts.LEADING)
    picture = Image.new("1", (across, down), 0)
    ImageDraw.Draw(picture).text((0, round(line.size * fonts.ASCENT)), line.text, fill=1, font=fonts.font(line.size, True), anchor="ls")
    data = picture.tobytes()
    per_row = -(-across // 8)
    return f"^GFA,{len(data)},{len(data)},{per_row},{data.hex().upper()}"


def escaped(text: str) -> str:
    """Text that a field may hold whatever it says."""
    return text.translate(ESCAPED)
