"""Ways to damage texts and bytes."""

from __future__ import annotations

import difflib

import numpy as np

#: What no value of a keyword should be taken for.
VALUES = (
    *("", "0", "-1", "-3", "1", "2", "3", "7", "32", "64", "1023", "1024", "65535", "65536"),
    *("2147483648", "4294967296", "9223372036854775808", "1" + "0" * 30, "9" * 400, "9" * 5000),
    *(
        "1E999",
        "-1E999",
        "1E-999",
        "0.5",
        "2.9",
        "1.0",
        "1_0",
        "0x10",
        "2#1010#",
        "16#FF#",
        "1.",
        ".5",
    ),
    *("NaN", "inf", "nan", "TRUE", "FALSE", "NULL", "UNK", '"UNK"', '"N/A"', "N/A", "END"),
    *("()", "(1)", "(1, 2)", "(1, 2, 3)", "(1024, 64)", "(1024, 64, 1, 1)", "(64, 1024, 1)"),
    *("(1024, 64, -1)", "(1024, 64, 1E3)", "{1}", "{}", "((1, 2), (3, 4))", "(" * 200, "(1", ")"),
    *("<KM>", "1 <KM>", "2 <SECOND>", "2 <ms>", "30.0 <SECOND> <SECOND>", "= 2", "2 = 3", "2 3"),
    *('"2"', '"', "'2'", "2'", '"a\nb"', "/* 2 */", "2 /* 3 */", "2 /*", "*/", "2 -\n 3"),
    *("9999-365", "2005-366T00:00:00", "2005-000", "1500-001T00:00:00", "2263-001T00:00:00"),
    *("2005-230", "2005-230T25:00:00", "2005-230T15:15:60", "2005-230T15:15:04.1410000000001Z"),
    *("../../x", "/etc/passwd", "~root", "a\x00b", "\xff\xfe", "\u00e9", "x" * 2000, "%s%n", "{0}"),
    *(
        "MSB_UNSIGNED_INTEGER",
        "LSB_UNSIGNED_INTEGER",
        "IEEE_REAL",
        "PC_REAL",
        "(SAMPLE, LINE, BAND)",
    ),
)


#: Bytes that a disk writes at once.
BLOCK = 512

_EQUALS = ("", "==", " ", "= =", ":", "= /* x */")
_LINES = ('NOTE = "', "/* ", "*/\r\n", "GROUP = X\r\n", "END\r\n", "\x00", "\f")


def pick(rng: np.random.Generator, things: tuple[str, ...] | list[str]) -> str:
    """One of some."""
    return things[int(rng.integers(len(things)))]


def a_line(rng: np.random.Generator, text: str, values: tuple[str, ...] = VALUES) -> str:
    """Damage a text of statements `KEYWORD = value`, one a line."""
    lines = text.splitlines(keepends=True)
    k = int(rng.integers(len(lines)))
    key, equals, value = lines[k].partition("=")
    ending = value[len(value.rstrip("\r\n")) :] if equals else "\r\n"
    match int(rng.integers(12)):
        case 0 | 1 | 2 | 3:
            if equals:
                lines[k] = f"{key}= {pick(rng, values)}{ending}"
        case 4:
            del lines[k]
        case 5:
            if equals:
                lines.insert(int(rng.integers(len(lines))), f"{key}= {pick(rng, values)}{ending}")
        case 6:
            lines.insert(int(rng.integers(len(lines))), lines[k])
        case 7:
            other = int(rng.integers(len(lines)))
            lines[k], lines[other] = lines[other], lines[k]
        case 8:
            lines[k] = lines[k].swapcase()
        case 9:
            lines[k] = lines[k].replace("=", pick(rng, _EQUALS), 1)
        case 10:
            lines.insert(
                k,
                pick(rng, _LINES),
            )
        case 11:
            lines[k] = lines[k].rstrip("\r\n")
    return "".join(lines)


def some_bytes(rng: np.random.Generator, data: bytes, most: int = 4) -> bytes:
    """Change, remove, repeat or insert a few bytes, leave a hole, or cut the rest off."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, most + 1))):
        if not out:
            break
        at = int(rng.integers(len(out)))
        match int(rng.integers(8)):
            case 0 | 1 | 2:
                out[at] = int(rng.integers(256))
            case 3:
                out[at] ^= 1 << int(rng.integers(8))
            case 4:
                del out[at : at + int(rng.integers(1, 9))]
            case 5:
                out[at:at] = bytes(rng.integers(0, 256, int(rng.integers(1, 9)), np.uint8))
            case 6:
                out[at:at] = out[max(0, at - int(rng.integers(1, 200))) : at]
            case 7:
                if rng.random() < 0.3:
                    del out[at:]
                elif rng.random() < 0.5:
                    _leave_out(rng, out, at)
    return bytes(out)


def a_hole(rng: np.random.Generator, data: bytes) -> bytes:
    """Zeros in place of some blocks, as where a disk or a download never wrote them."""
    out = bytearray(data)
    _leave_out(rng, out, int(rng.integers(len(out))))
    return bytes(out)


def _leave_out(rng: np.random.Generator, out: bytearray, at: int) -> None:
    begin = at - at % BLOCK
    end = min(begin + BLOCK * int(rng.integers(1, 9)), len(out))
    out[begin:end] = bytes(end - begin)


def holed(was: bytes, now: bytes) -> bool:
    """Whether there are as many zeros in a row as a hole has where there were none."""
    zeros = bytes(BLOCK)
    return now.count(zeros) > was.count(zeros)


def changed(was: str, text: str) -> str:
    """The first lines in which texts differ."""
    lines = difflib.unified_diff(was.splitlines(), text.splitlines(), n=0, lineterm="")
    return " | ".join(line[:100] for line in list(lines)[3:9])
