"""Which variables of files have no unit."""

from __future__ import annotations

#: Texts, and numbers without dimension that have no standard name.
WITHOUT_UNITS = frozenset(
    (
        *("pic", "pixel", "line", "band", "row", "corner", "product", "utc"),
        *(
            "setup",
            "geometry_setup",
            "calibration_setup",
            "flagged",
            "calibration_error",
            "evil",
            "evil_share",
        ),
        *("on_disk", "on_disk_corners", "ring_in_front", "ring_in_front_corners"),
        *("brightness_share", "brightness_filled", "radiance_correlation"),
        *("member_pic", "member_pixel", "member_bin", "star_count", "star_magnitude"),
    )
)
