"""What a printer is told of a barcode, held against what others say: the manual of ZPL II, and encoders that are not ours.

The preview of labels reads ZPL by our own tables: a fault in them would be drawn as it was meant, and read back. Here nothing of ours says what is right.
"""

from __future__ import annotations

import pytest
import zxingcpp

from fulfillment.labels import codes
from fulfillment.labels.layout import Code128
from fulfillment.labels.zpl import zpl_of

# The texts of the manual's examples for ^BC (`CODE128` in subset B with its start code, `382436` in subset C, and from C to B), its invocation codes for
# `^`, `~` and `>`, and a number like carriers give. The bars are those that python-barcode 0.16.1 makes of the same text.
KNOWN = [
    ("CODE128", ">:CODE128", "d2111a3b5888d139b3974ce4d8eb"),
    ("382436", ">;382436", "d3918ba6588a3d8eb"),
    (
        "382436CODE128",
        ">;382436>6CODE128",
        "d3918ba6588bdd11a3b5888d139b3974c88d8eb",
    ),
    (
        "A^B~C>D_E",
        ">:A><B>=C>0D_E",
        "348518f151622f446db162298468c9d8eb",
    ),
    (
        "PE0123456789RS",
        ">:PE>50123456789>6RS",
        "d21dda345decd9dbaec42cdbd7bb176e88d18eb",
    ),
]
# FNC1 and the SSCC, as the manual writes GS1-128: start C, `>8`, digits.
SSCC = (
    "376104250021234569",
    ">;>800376104250021234569",
    "d39ebb66468c85233966ccdc9dbaec590c5d8eb",
)


def in_hexadecimal(symbol: codes.Symbol) -> str:
    """The modules as digits of a number, a bar is 1: every symbol begins with one."""
    return f"{int(symbol.modules, 2):x}"


@pytest.mark.parametrize(("text", "zpl", "bars"), KNOWN, ids=lambda said: said[:14])
def test_a_text_is_told_and_drawn_as_others_do(text: str, zpl: str, bars: str) -> None:
    symbol = codes.code128(text)
    assert symbol is not None
    assert (symbol.zpl, in_hexadecimal(symbol)) == (zpl, bars)


def test_an_sscc_is_told_and_drawn_as_others_do() -> None:
    sscc, zpl, bars = SSCC
    symbol = codes.gs1_sscc(sscc)
    assert (symbol.zpl, in_hexadecimal(symbol)) == (zpl, bars)


@pytest.mark.parametrize("text", ["PE0123456789RS", "A^B~C>D_E", "00340123451234567891", "9", "PJJ123C"])
def test_another_encoder_draws_the_same_bars(text: str) -> None:
    drawn = memoryview(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.Code128).to_image(scale=1, add_hrt=False, add_quiet_zones=False))
    symbol = codes.code128(text)
    assert symbol is not None
    assert symbol.modules == "".join("0" if drawn[0, place] else "1" for place in range(drawn.shape[1]))


def test_the_whole_command() -> None:
    """No line in words under it, no check digit of ZPL's own, no mode; and what is a command in ZPL is written in hexadecimal."""
    symbol = codes.code128("A_B~C^D")
    assert symbol is not None
    assert zpl_of([Code128(100, 75, 3, 100, symbol)]).splitlines()[1] == "^FO100,75^BY3^BCN,100,N,N,N^FH^FD>:A_5FB>=C><D^FS"
