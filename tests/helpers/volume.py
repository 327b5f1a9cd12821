"""A small COUVIS volume on disk: index tables in the archive's layout."""

from __future__ import annotations

from pathlib import Path

#: Columns of the real tables that matter here, in their order, with their widths.
COLUMNS = {
    "FILE_NAME": 60,
    "OBSERVATION_TYPE": 10,
    "START_TIME": 24,
    "STOP_TIME": 24,
    "TARGET_NAME": 16,
    "DATA_SET_ID": 24,
    "SLIT_STATE": 16,
}


def write_index(
    volume: Path,
    rows: list[dict[str, str]],
    ending: str = "\r\n",
    widths: dict[str, int] | None = None,
) -> Path:
    """INDEX/INDEX.LBL and .TAB of a volume; returns the label's path."""
    wide = COLUMNS | (widths or {})
    folder = volume / "INDEX"
    folder.mkdir(parents=True, exist_ok=True)
    start, columns = 1, []
    for name, width in wide.items():
        columns.append(
            f"  OBJECT = COLUMN\n    NAME = {name}\n    DATA_TYPE = CHARACTER\n"
            f"    START_BYTE = {start + 1}\n    BYTES = {width}\n  END_OBJECT = COLUMN\n"
        )
        start += width + 3
    size = start - 2 + len(ending)
    label = (
        f"PDS_VERSION_ID = PDS3\nRECORD_TYPE = FIXED_LENGTH\nRECORD_BYTES = {size}\n"
        f'FILE_RECORDS = {len(rows)}\n^INDEX_TABLE = "INDEX.TAB"\n'
        f'VOLUME_ID = "{volume.name}"\nOBJECT = INDEX_TABLE\n  INTERCHANGE_FORMAT = ASCII\n'
        f"  ROWS = {len(rows)}\n  ROW_BYTES = {size}\n  COLUMNS = {len(wide)}\n"
        f"{''.join(columns)}END_OBJECT = INDEX_TABLE\nEND\n"
    )
    lines = [
        ",".join(f'"{row.get(name, "NULL").ljust(width)}"' for name, width in wide.items())
        for row in rows
    ]
    path = folder / "INDEX.LBL"
    path.write_bytes(label.replace("\n", "\r\n").encode())
    path.with_suffix(".TAB").write_bytes("".join(line + ending for line in lines).encode())
    return path


def index_row(volume: str, product: str, **columns: str) -> dict[str, str]:
    """A row as the archive writes it."""
    day = product[-14:-6] if product[-3] == "_" else product[3:11]
    return {
        "FILE_NAME": f"/{volume}/DATA/D{day}/{product}.LBL",
        "TARGET_NAME": "SATURN",
        "SLIT_STATE": "LOW_RESOLUTION",
        **columns,
    }
