"""Counts that may not be what the steps after opening take them for, by what their labels say."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import warn_user
from ..pds3.label import Label

#: Compressions whose rounding the errors know: none, and that of the square root to nine bits.
KNOWN_COMPRESSIONS = ("SQRT_9", "NONE")


def warn(labels: Iterable[Label]) -> None:
    """Warn of what labels say against themselves, and of states in which counts are no counts.

    Those are test pulses, a detector without high voltage, and unknown compressions.

    Parameters
    ----------
    labels : iterable of Label
        Those of one call: each warning is given once, with the number of products. Calibration
        matrices have no such states.
    """
    found: dict[str, list[Label]] = {}
    doubted: dict[str, list[Label]] = {}
    for label in labels:
        for text in () if label.is_matrix else _faults(label):
            found.setdefault(text, []).append(label)
        for key in label.doubts:
            doubted.setdefault(key, []).append(label)
    # Of doubts the first is told, as their numbers differ.
    told = {f"{key} {members[0].doubts[key]}": members for key, members in doubted.items()}
    for text, members in (found | told).items():
        others = f" and {len(members) - 1} more" if len(members) > 1 else ""
        warn_user(f"{members[0].path}{others}: {text}")


def _faults(label: Label) -> Iterable[str]:
    if str(label.keywords.get("TEST_PULSE_STATE", "")).upper() == "ON":
        yield (
            "TEST_PULSE_STATE is ON: the counts hold pulses of the electronics' test beside "
            "photons, and are no measure of light"
        )
    if str(label.keywords.get("HI_VOLTAGE_POWER_SUPPLY_STATE", "")).upper() == "OFF":
        yield (
            "HI_VOLTAGE_POWER_SUPPLY_STATE is OFF: without high voltage the detector counts no "
            "photons, and what it counts is no measure of light"
        )
    if label.compression not in KNOWN_COMPRESSIONS:
        given = f"is {label.compression}" if label.compression else "is not given"
        yield (
            f"COMPRESSION_TYPE {given}, neither {' nor '.join(KNOWN_COMPRESSIONS)}: how it rounds "
            "counts is not known, and their errors do not hold it"
        )
