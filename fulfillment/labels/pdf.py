"""Labels as PDF, a page of 4 × 6 inches each: text stays text, bars are drawn, nothing is a picture."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from reportlab.pdfgen.canvas import Canvas

from fulfillment.labels import codes, fonts
from fulfillment.labels.layout import DPI, HEIGHT, QR, WIDTH, Box, Code128, Element, Text

POINT = 72 / DPI


def pdf_of(labels: Sequence[Sequence[Element]], title: str) -> bytes:
    """The labels, one after the other."""
    fonts.pdf_fonts()
    out = BytesIO()
    canvas = Canvas(out, pagesize=(WIDTH * POINT, HEIGHT * POINT), initialFontName=fonts.PDF_NAMES[True], invariant=True)
    canvas.setTitle(title)
    for label in labels:
        # From here on in dots, from above.
        canvas.scale(POINT, POINT)
        for element in label:
            _draw(canvas, element)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _draw(canvas: Canvas, element: Element) -> None:
    if isinstance(element, Text):
        canvas.setFillGray(1 if element.inverse else 0)
        canvas.setFont(fonts.PDF_NAMES[True], element.size)
        canvas.drawString(element.x, HEIGHT - element.y - element.size * fonts.ASCENT, element.text)
        canvas.setFillGray(0)
    elif isinstance(element, Box):
        _fill(canvas, element.x, element.y, element.width, element.height)
    elif isinstance(element, Code128):
        draw_bars(canvas, element.symbol.modules, element.x, HEIGHT - element.y - element.height, element.module, element.height)
    elif isinstance(element, QR):
        for down, row in enumerate(codes.qr(element.text)):
            line = "".join("1" if dot else "0" for dot in row)
            draw_bars(canvas, line, element.x, HEIGHT - element.y - (down + 1) * element.module, element.module, element.module)


def _fill(canvas: Canvas, x: float, y: float, width: float, height: float) -> None:
    canvas.rect(x, HEIGHT - y - height, width, height, stroke=0, fill=1)


def draw_bars(canvas: Canvas, modules: str, x: float, y: float, module: float, height: float) -> None:
    """Each run of ones is one bar: two that touch would show a seam on a screen."""
    place = 0
    while place < len(modules):
        end = place
        while end < len(modules) and modules[end] == modules[place]:
            end += 1
        if modules[place] == "1":
            canvas.rect(x + place * module, y, (end - place) * module, height, stroke=0, fill=1)
        place = end
