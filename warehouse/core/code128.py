"""Code 128, the barcode of places, tasks and packages, as bars and as SVG."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

# Widths of bar, space, bar, space, bar, space for each value (ISO/IEC 15417, table 1); 104 starts code set B.
_WIDTHS = (
    "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212", "221213", "221312", "231212", "112232", "122132",
    "122231", "113222", "123122", "123221", "223211", "221132", "221231", "213212", "223112", "312131", "311222", "321122", "321221", "312212",
    "322112", "322211", "212123", "212321", "232121", "111323", "131123", "131321", "112313", "132113", "132311", "211313", "231113", "231311",
    "112133", "112331", "132131", "113123", "113321", "133121", "313121", "211331", "231131", "213113", "213311", "213131", "311123", "311321",
    "331121", "312113", "312311", "332111", "314111", "221411", "431111", "111224", "111422", "121124", "121421", "141122", "141221", "112214",
    "112412", "122114", "122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111", "111242", "121142", "121241", "114212",
    "124112", "124211", "411212", "421112", "421211", "212141", "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113",
    "411311", "113141", "114131", "311141", "411131", "211412", "211214", "211232",
)  # fmt: skip
_STOP = "2331112"
_START_B = 104
QUIET = 10


def values_of(text: str) -> list[int]:
    """Start, characters and checksum of the text in code set B. Raises ValueError for what the set can't say (it has ASCII 32 to 126)."""
    if not text or any(not 32 <= ord(character) <= 126 for character in text):
        raise ValueError(f"Code 128 B can't say {text!r}.")
    return with_checksum([_START_B, *(ord(character) - 32 for character in text)])


def with_checksum(values: Sequence[int]) -> list[int]:
    """Start and characters of any code set, with their checksum."""
    return [*values, (values[0] + sum(place * value for place, value in enumerate(values))) % 103]


def modules_of(text: str) -> str:
    """The barcode as modules: 1 is black, 0 is white, without the quiet zones."""
    return modules_of_values(values_of(text))


def modules_of_values(values: Sequence[int]) -> str:
    """The modules of a whole symbol: start, characters, checksum; the stop character follows by itself."""
    widths = "".join(_WIDTHS[value] for value in values) + _STOP
    return "".join(("1" if place % 2 == 0 else "0") * int(width) for place, width in enumerate(widths))


def svg(text: str, *, height: int = 40) -> SafeString:
    """The barcode as an SVG picture that scales, with its quiet zones; nothing for a text that Code 128 can't say."""
    try:
        modules = modules_of(text)
    except ValueError:
        return SafeString("")
    bars, place = [], 0
    while place < len(modules):
        end = modules.find("0" if modules[place] == "1" else "1", place)
        end = len(modules) if end < 0 else end
        if modules[place] == "1":
            bars.append(f"M{place + QUIET} 0h{end - place}v{height}h-{end - place}z")
        place = end
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}"><path d="{}"/></svg>',
        len(modules) + 2 * QUIET,
        height,
        text,
        mark_safe("".join(bars)),  # noqa: S308  # our own numbers
    )
