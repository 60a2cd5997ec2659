"""The packing slip, a sheet of A4 that lies in the box: whose order it is, and what is in which package, lot by lot.

A slip is of one packing task, hence of one order: what is printed together is never mixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import ActionFlowable, BaseDocTemplate, CondPageBreak, Flowable, Frame, LongTable, PageBreak, PageTemplate, Paragraph, Spacer
from reportlab.platypus.tables import TableStyle

from fulfillment.labels import codes, fonts
from fulfillment.labels.pdf import draw_bars

MARGIN = 15 * mm
SMALL = ParagraphStyle("small", fontName=fonts.PDF_NAMES[False], fontSize=9, leading=11.5, splitLongWords=1)
RIGHT = ParagraphStyle("right", parent=SMALL, alignment=2)
HEAD = ParagraphStyle("head", parent=SMALL, fontName=fonts.PDF_NAMES[True])
HEAD_RIGHT = ParagraphStyle("head-right", parent=HEAD, alignment=2)
TITLE = ParagraphStyle("title", parent=HEAD, fontSize=16, leading=20)
PACKAGE = ParagraphStyle("package", parent=HEAD, fontSize=11, leading=14, spaceBefore=10, spaceAfter=4)
COLUMNS = (30 * mm, 74 * mm, 28 * mm, 26 * mm, 22 * mm)
LINES = TableStyle(
    [
        ("LINEBELOW", (0, 0), (-1, 0), 1, colors.black),
        ("LINEBELOW", (0, 1), (-1, -1), 0.25, colors.grey),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ]
)


@dataclass(frozen=True, slots=True)
class SlipLine:
    """Goods of one lot in a package."""

    sku: str
    name: str
    lot: str
    best_before: str
    quantity: str


@dataclass(frozen=True, slots=True)
class SlipPackage:
    """A package and what is in it."""

    number: int
    code: str
    weight: str
    tracking_number: str
    lines: list[SlipLine]


@dataclass(frozen=True, slots=True)
class Slip:
    """What a packing slip says. `not_packed`: what is not in any package yet."""

    number: str
    order: str
    day: str
    sender: list[str]
    receiver: list[str]
    carrier: str
    packages: list[SlipPackage]
    not_packed: list[SlipLine] = field(default_factory=list)


class _Sheets(BaseDocTemplate):
    """Pages that say whose they are, counted anew for every slip."""

    def __init__(self, out: BytesIO, title: str) -> None:
        super().__init__(out, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=MARGIN, title=title, invariant=1)
        self.slip, self.first_page = "", 1
        frame = Frame(MARGIN, MARGIN + 6 * mm, A4[0] - 2 * MARGIN, A4[1] - 2 * MARGIN - 6 * mm, 0, 0, 0, 0)
        self.addPageTemplates(PageTemplate(frames=[frame], onPageEnd=self._foot))

    def handle_slip(self, slip: str) -> None:
        """What follows is of this slip."""
        self.slip, self.first_page = slip, self.page

    def _foot(self, canvas: Canvas, doc: Any) -> None:
        canvas.setFont(fonts.PDF_NAMES[False], 8)
        canvas.drawString(MARGIN, MARGIN, self.slip)
        canvas.drawRightString(A4[0] - MARGIN, MARGIN, f"page {doc.page - self.first_page + 1}")


class _Bars(Flowable):
    """The task's number for a scanner."""

    def __init__(self, text: str) -> None:
        super().__init__()
        symbol = codes.code128(text)
        self.modules = symbol.modules if symbol else ""
        self.width, self.height = len(self.modules) * 0.33 * mm, 12 * mm
        self.hAlign = "RIGHT"

    def wrap(self, *_room: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        draw_bars(self.canv, self.modules, 0, 0, 0.33 * mm, self.height)


def slips_pdf(slips: Sequence[Slip]) -> bytes:
    """The slips as one document, each from a new page."""
    fonts.pdf_fonts()
    out = BytesIO()
    story: list[Flowable] = []
    for slip in slips:
        story += [PageBreak()] if story else []
        story += _sheets(slip)
    _Sheets(out, "Packing slips" if len(slips) > 1 else f"Packing slip {slips[0].number}").build(story)
    return out.getvalue()


def _sheets(slip: Slip) -> list[Flowable]:
    title = [_text(f"Packing slip {slip.number}", TITLE), _text(f"Order {slip.order}", HEAD), _text(slip.day, SMALL)]
    addresses = [[_text("From", HEAD), _text("To", HEAD)], [_lines(slip.sender), _lines(slip.receiver or ["not known yet"])]]
    story: list[Flowable] = [
        ActionFlowable(("slip", f"Order {slip.order} · {slip.number}")),
        LongTable([[title, _Bars(slip.number)]], colWidths=(110 * mm, 70 * mm), style=TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP")])),
        Spacer(1, 4 * mm),
        LongTable(addresses, colWidths=(90 * mm, 90 * mm), style=TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP")])),
    ]
    for package in slip.packages:
        said = [f"Package {package.number} of {len(slip.packages)}", package.code, package.weight, slip.carrier, package.tracking_number]
        story += _table(" · ".join(part for part in said if part), package.lines)
    if slip.not_packed:
        story += _table("Not packed yet", slip.not_packed)
    return story


def _table(heading: str, lines: list[SlipLine]) -> list[Flowable]:
    head = [*(_text(name, HEAD) for name in ("SKU", "Product", "Lot", "Best before")), _text("Quantity", HEAD_RIGHT)]
    rows = [[_text(line.sku), _text(line.name), _text(line.lot), _text(line.best_before), _text(line.quantity, RIGHT)] for line in lines] or [
        [_text("empty"), "", "", "", ""]
    ]
    # Room for the heading and the first goods below it; a long package goes on over pages, under the same columns.
    return [CondPageBreak(35 * mm), _text(heading, PACKAGE), LongTable([head, *rows], colWidths=COLUMNS, style=LINES, repeatRows=1)]


def _text(text: str, style: ParagraphStyle = SMALL) -> Paragraph:
    return Paragraph(escape(fonts.writable(text, bold=style.fontName == fonts.PDF_NAMES[True])), style)


def _lines(lines: Sequence[str]) -> list[Paragraph]:
    return [_text(line) for line in lines]
