"""Ways to damage a product, and what an error must say of each."""

from __future__ import annotations

#: Damages that only show when the counts are read.
CUT_PACKING, NULL = "packed data cut off", "null counts"

#: Ways to damage a product, and what an error must say of it. NULL is none: there is nothing wrong
#: but that nothing arrived.
DAMAGES = {
    CUT_PACKING: r"cannot unpack .*\.DAT\.gz: .*it is damaged",
    "truncated": r"\.DAT is truncated: \d+ bytes, but its label says \d+",
    "one value short": r"\.DAT is truncated",
    "too long": r"\.DAT is too long",
    "empty data": r"\.DAT is empty: 0 bytes",
    "no data": r"cannot read the data file .*\.DAT",
    "garbage label": r"\.LBL is not a PDS label",
    "empty label": r"\.LBL is not a PDS label",
    "label cut off": r"\.LBL is damaged, as it breaks off before",
    "label of another instrument": r"\.LBL is a label of .*VIMS",
    "no product": r"\.LBL: PRODUCT_ID is missing",
    "no start": r"\.LBL gives no START_TIME",
    "start unknown": r"\.LBL gives no START_TIME",
    "start on day 400": r"\.LBL: START_TIME: .*400",
    "no duration": r"\.LBL: INTEGRATION_DURATION is missing",
    "duration of zero": r"\.LBL: INTEGRATION_DURATION = 0\.0",
    "bin of zero": r"\.LBL: BAND_BIN = 0",
    "bin larger than the detector": r"\.LBL: BAND_BIN = 2048 exceeds",
    "bin no number": r"\.LBL: BAND_BIN = 'SIXTEEN'",
    "bin unknown, data null": r"\.LBL: .*BAND_BIN is unknown",
    "window outside": r"\.LBL: LR_CORNER_LINE = 99",
    "window upside down": r"\.LBL: window bands 1000\.\.10",
    "slit unknown": r"\.LBL: unknown SLIT_STATE",
    "values of another type": r"\.LBL: values of type PC_REAL",
    "another object": r"\.LBL holds the object IMAGE of the (FUV|EUV)",
    "three bins for two windows": r"\.LBL: UL_CORNER_LINE has 2 values for 3 windows",
    "no exposures": r"\.LBL: CORE_ITEMS = \[1024, 64, 0\]",
    NULL: r"no value.* was transmitted|\b(\d+) of \1 spectra are lost",
}


def spoil(damage: str, label: bytes, data: bytes) -> tuple[bytes, bytes | None]:
    """Label and data with a damage; data None for none."""

    def said(key: str, value: str | None, text: bytes = label) -> bytes:
        """The label with another value, or without the keyword."""
        lines = text.split(b"\n")
        (at,) = (k for k, x in enumerate(lines) if x.split(b"=")[0].strip() == key.encode())
        end = b"\r" if lines[at].endswith(b"\r") else b""
        lines[at : at + 1] = [] if value is None else [f"{key} = {value}".encode() + end]
        return b"\n".join(lines)

    def same(old: str, new: str) -> bytes:
        return label.replace(old.encode(), new.encode())

    change = {
        "garbage label": lambda: bytes(range(256)) * 4,
        "empty label": lambda: b"",
        "label cut off": lambda: label[: label.index(b"LR_CORNER_LINE")],
        "label of another instrument": lambda: same('"UVIS"', '"VIMS"'),
        "no product": lambda: said("PRODUCT_ID", '"UNK"'),
        "no start": lambda: said("START_TIME", None),
        "start unknown": lambda: said("START_TIME", '"UNK"'),
        "start on day 400": lambda: said("START_TIME", "2005-400T00:00:00.000"),
        "no duration": lambda: said("INTEGRATION_DURATION", None),
        "duration of zero": lambda: said("INTEGRATION_DURATION", "0.0 <SECOND>"),
        "bin of zero": lambda: said("BAND_BIN", "0"),
        "bin larger than the detector": lambda: said("BAND_BIN", "2048"),
        "bin no number": lambda: said("BAND_BIN", '"SIXTEEN"'),
        "bin unknown, data null": lambda: said("BAND_BIN", '"UNK"'),
        "window outside": lambda: said("LR_CORNER_LINE", "99"),
        "window upside down": lambda: said("LR_CORNER_BAND", "10", said("UL_CORNER_BAND", "1000")),
        "slit unknown": lambda: said("SLIT_STATE", "WIDE_OPEN"),
        "values of another type": lambda: same("MSB_UNSIGNED_INTEGER", "PC_REAL"),
        "another object": lambda: same("= QUBE", "= IMAGE"),
        "three bins for two windows": lambda: said(
            "LINE_BIN", "(1, 2, 3)", said("UL_CORNER_LINE", "(0, 10)")
        ),
        "no exposures": lambda: said("CORE_ITEMS", "(1024, 64, 0)"),
    }
    found = {
        "truncated": data[: len(data) // 3],
        "one value short": data[:-2],
        "too long": data + bytes(2),
        "empty data": b"",
        "no data": None,
        "bin unknown, data null": b"\xff" * len(data),
    }
    return change.get(damage, lambda: label)(), found.get(damage, data)
