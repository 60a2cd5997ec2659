"""A barcode as a film, for Chromium's pretended camera."""

from __future__ import annotations

from pathlib import Path

# Code 128: the widths of three bars and three spaces for each value.
WIDTHS = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222123122123221223211221132"
    "221231213212223112312131311222321122321221312212322112322211212123212321232121111323131123131321112313132113132311211313"
    "231113231311112133112331132131113123113321133121313121211331231131213113213311213131311123311321331121312113312311332111"
    "314111221411431111111224111422121124121421141122141221112214112412122114122411142112142211241211221114413111241112134111"
    "111242121142121241114212124112124211411212421112421211212141214121412121111143111341131141114113114311411113411311113141"
    "114131311141411131211412211214211232"
)


def code128(text: str) -> list[int]:
    """The widths of the bars and spaces of a Code 128 B symbol, bar first."""
    values = [104, *(ord(char) - 32 for char in text)]
    values.append((104 + sum(index * value for index, value in enumerate(values) if index)) % 103)
    return [int(width) for value in values for width in WIDTHS[6 * value : 6 * value + 6]] + [2, 3, 3, 1, 1, 1, 2]


def film_of(text: str, path: Path) -> None:
    """A film (Y4M) of one still barcode, for Chromium's pretended camera."""
    width, height, module = 640, 480, 3
    line, dark = [235] * 60, True
    for bar in code128(text):
        line += [16 if dark else 235] * (bar * module)
        dark = not dark
    line += [235] * (width - len(line))
    blank = bytes([235] * width)
    luma = blank * 120 + bytes(line) * 240 + blank * 120
    chroma = bytes([128] * (width // 2 * (height // 2) * 2))
    path.write_bytes(b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n" % (width, height) + (b"FRAME\n" + luma + chroma) * 10)
