"""What a printer makes of a label: rendered, looked at by a barcode reader, and measured."""

from __future__ import annotations

from io import BytesIO
from itertools import combinations

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from fulfillment.labels import codes, fonts
from fulfillment.labels.layout import HEIGHT, NOT_YET, QR, WIDTH, Box, Text, lay_out
from fulfillment.labels.layout import Code128 as Bars
from fulfillment.labels.pdf import pdf_of
from fulfillment.labels.png import picture_of, png_of
from fulfillment.labels.zpl import QR_SINKS, escaped, zpl_of
from tests.fulfillment.labels.contents import CUSTOMER, HOSTILE, HOUSE, LONG, PARTIES, SERBIAN, label


def codes_in(picture: Image.Image) -> dict[str, str]:
    return {found.text: found.symbology_identifier for found in zxingcpp.read_barcodes(picture)}


def pages_of(pdf: bytes, dpi: int = 203) -> list[Image.Image]:
    return [page.render(scale=dpi / 72).to_pil() for page in pypdfium2.PdfDocument(pdf)]


def expected(content) -> dict[str, str]:
    # ]C1 is GS1-128: FNC1 first.
    return {content.code: "]Q1", content.tracking_number: "]C0", f"(00){content.sscc}": "]C1"}


@pytest.mark.parametrize("receiver", PARTIES.values(), ids=PARTIES)
def test_the_codes_of_a_label_are_read_back_from_what_is_printed(receiver):
    content = label(receiver)
    elements = lay_out(content)
    assert codes_in(picture_of(zpl_of(elements))) == expected(content)
    assert codes_in(pages_of(pdf_of([elements], "label"))[0]) == expected(content)


@pytest.mark.parametrize("receiver", PARTIES.values(), ids=PARTIES)
@pytest.mark.parametrize(
    "more", [{}, {"is_return": True}, {"tracking_number": ""}, {"tracking_number": "T" * 100}, {"order": "O" * 80, "carrier": "C" * 90}]
)
def test_nothing_overlaps_and_nothing_leaves_the_label(receiver, more):
    placed = []
    for element in lay_out(label(receiver, **more)):
        if isinstance(element, Text):
            if element.inverse:
                continue  # it stands on its band
            # From the top of the capitals to the deepest descender.
            placed.append((element.x, element.y + element.size * 0.17, element.x + element.width, element.y + element.size * 1.17, element.text))
        elif isinstance(element, Bars):
            placed.append((element.x, element.y, element.x + element.width, element.y + element.height, "bars"))
        elif isinstance(element, QR):
            placed.append((element.x, element.y, element.x + element.width, element.y + element.width, "qr"))
        elif isinstance(element, Box):
            placed.append((element.x, element.y, element.x + element.width, element.y + element.height, "box"))
    for left, top, right, bottom, what in placed:
        assert 0 <= left < right <= WIDTH, what
        assert 0 <= top < bottom <= HEIGHT, what
    for one, other in combinations(placed, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)


def test_the_codes_are_large_enough_for_a_scanner():
    bars = [element for element in lay_out(label(LONG)) if isinstance(element, Bars)]
    # GS1 asks for modules of half a millimetre and bars of 32 mm; at least a quarter of a millimetre for the carrier's number.
    assert [(code.module, code.height) for code in bars][1] == (4, 256)
    assert bars[0].module >= 3
    for code in bars:
        quiet = codes.QUIET_MODULES * code.module
        assert quiet <= code.x
        assert code.x + code.width + quiet <= WIDTH


def test_an_address_cannot_command_the_printer():
    zpl = zpl_of(lay_out(label(HOSTILE, sender=HOSTILE, order="^XZ~JA_5E", tracking_number="A^B~C_D>E;12345678", carrier="^PQ9999", code="^~_-1")))
    plain = zpl_of(lay_out(label(CUSTOMER)))
    # Whatever was said, the commands are those of any label.
    assert {part[:2] for part in zpl.split("^")[1:]} == {part[:2] for part in plain.split("^")[1:]}
    assert (zpl.count("^XA"), zpl.count("^XZ"), zpl.count("~")) == (1, 1, 0)
    assert "^A0N,44,44^FH^FD_5EXZ_7EJA_5F5E^FS" in zpl
    assert codes_in(picture_of(zpl)) == {"^~_-1": "]Q1", "A^B~C_D>E;12345678": "]C0", f"(00){label().sscc}": "]C1"}


def test_a_hostile_text_is_drawn_as_it_was_said():
    [line] = [Text(10, 10, 40, "^XZ ~JR _5E >;")]
    assert zpl_of([line]).splitlines()[1] == "^FO10,10^A0N,40,40^FH^FD_5EXZ _7EJR _5F5E >;^FS"
    assert escaped("_5E") == "_5F5E"
    drawn = picture_of(zpl_of([line])).crop((10, 10, 12 + int(line.width), 60))
    assert drawn.getextrema() == (0, 255)


def test_western_lines_are_text_and_others_are_pictures():
    zpl = zpl_of(lay_out(label(SERBIAN)))
    assert "^FDIrina, +381 11 1234567^FS" in zpl
    assert "Müller" in zpl_of(lay_out(label(CUSTOMER)))
    assert "Јелена" not in zpl
    assert zpl.count("^GFA,") == 4
    for line in zpl.splitlines():
        if "^GFA," in line:
            total, again, per_row, data = line.split("^GFA,")[1].removesuffix("^FS").split(",")
            assert int(total) == int(again) == len(bytes.fromhex(data))
            assert int(total) % int(per_row) == 0


def test_a_picture_of_cyrillic_shows_the_letters():
    line = Text(20, 20, 60, "Ђорђевић")
    alone = picture_of(zpl_of([line]))
    on_paper = pages_of(pdf_of([[line]], "a line"))[0].convert("L")
    box = (20, 20, 24 + int(line.width), 100)
    ink = [sum(picture.crop(box).histogram()[:128]) for picture in (alone, on_paper)]
    assert ink[0] > 2000
    assert abs(ink[0] - ink[1]) < 0.12 * ink[0]


def test_a_return_goes_the_other_way():
    texts = [element.text for element in lay_out(label(HOUSE, sender=CUSTOMER, is_return=True)) if isinstance(element, Text)]
    assert "RETURN" in texts
    assert texts.index("Anna Müller, +49 30 123456") < texts.index("TO") < texts.index("Irina")
    zpl = zpl_of(lay_out(label(HOUSE, sender=CUSTOMER, is_return=True)))
    # The carrier's number and the SSCC are of the way out.
    assert codes_in(picture_of(zpl)) == {"PAK-2026-000001-2": "]Q1", "ORD-2026-000123": "]C0"}
    # White letters on a black band.
    assert "^FR^A0N,54,54^FH^FDRETURN^FS" in zpl
    band = picture_of(zpl).crop((40, 24, 290, 90)).histogram()
    assert band[0] > band[255] > 2000


def test_without_a_waybill_the_label_says_so():
    texts = " ".join(element.text for element in lay_out(label(tracking_number="")) if isinstance(element, Text))
    assert NOT_YET in texts
    assert "ADDRESS NOT KNOWN YET" in " ".join(element.text for element in lay_out(label(PARTIES["unknown"])) if isinstance(element, Text))


@pytest.mark.parametrize("number", ["T" * 100, "Ж123", "1" * 100])
def test_a_number_that_bars_cannot_say_is_a_qr_code(number):
    elements = lay_out(label(tracking_number=number))
    assert codes_in(picture_of(zpl_of(elements)))[number] == "]Q1" if number.isascii() else True
    assert codes_in(pages_of(pdf_of([elements], "label"), 300)[0])[number].startswith("]Q")


@pytest.mark.parametrize(
    "text",
    [
        "PE0123456789RS",
        "A^B~C_D>E",
        "1234567",
        "12AB3456CD789012",
        "00340123451234567891",
        ">>>",
        " x ",
        "99999999",
        "9",
        "99",
        "A99",
        "AB999999C",
        "12345",
        "X1234567Y12345678",
        "99X",
    ],
)
def test_the_printer_is_told_the_very_symbol(text):
    symbol = codes.code128(text)
    assert symbol is not None
    zpl = zpl_of([Bars(100, 100, 2, 100, symbol)])
    assert codes_in(picture_of(zpl)) == {text: "]C0"}


def test_an_sscc_is_written_as_printers_want_it():
    assert codes.gs1_sscc("376104250021234569").zpl == ">;>800376104250021234569"
    assert codes.code128("жук") is None
    assert codes.code128("") is None


def test_the_head_of_the_label_and_its_size():
    zpl = zpl_of(lay_out(label()))
    assert zpl.startswith("^XA^CI28^PW812^LL1218^LH0,0\n")
    assert zpl.endswith("^XZ\n")
    picture = Image.open(BytesIO(png_of(zpl)))
    assert picture.size == (812, 1218)
    assert [round(each) for each in picture.info["dpi"]] == [203, 203]
    page = pypdfium2.PdfDocument(pdf_of([lay_out(label())] * 3, "labels"))
    assert (len(page), [round(side) for side in page[0].get_size()]) == (3, [288, 432])
    assert "Anna Müller" in page[0].get_textpage().get_text_range()
    [qr] = [element for element in lay_out(label()) if isinstance(element, QR)]
    assert f"^FO{qr.x},{qr.y - QR_SINKS}^BQN,2,6^FH^FDMA,PAK-2026-000001-2^FS" in zpl


@pytest.mark.parametrize("said", ["^XA^DFR:X.ZPL^XZ", "hello", "^XA^CI28^PW812^LL1218^LH0,0^ZZ^XZ"])
def test_the_preview_reads_our_labels_only(said):
    with pytest.raises(ValueError, match="not ZPL of ours"):
        picture_of(said)


def test_text_becomes_smaller_then_breaks_then_ends():
    assert fonts.fitted(["short"], 700, 60, largest=50, smallest=20).lines == ["short"]
    long = fonts.fitted(["word " * 40], 300, 200, largest=50, smallest=20)
    assert 20 <= long.size < 50
    assert all(fonts.width(line, long.size, bold=True) <= 300 for line in long.lines)
    cut = fonts.fitted(["name", "word " * 400, "town"], 300, 120, largest=50, smallest=20)
    assert (cut.lines[0], cut.lines[-1], cut.lines[-2][-1]) == ("name", "town", "…")
    assert fonts.writable("Łódź 李 😀") == "Łódź □ 😀"
