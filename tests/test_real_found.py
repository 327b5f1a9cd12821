"""Found spectra of real products."""

from __future__ import annotations

import numpy as np

import uvisxr


def test_spectra_of_a_long_product(aurora_label):
    """Of 1151 exposures, some are read; rates are those of the product."""
    pics, pixels = [3, 3, 700, 1150], [0, 31, 59, 30]
    ds = uvisxr.open_product(aurora_label)
    pixels = [min(pixel, ds.sizes["pixel"] - 1) for pixel in pixels]
    table = {
        "product": ["FUV2016_278_09_22"] * 4,
        "label": [str(aurora_label)] * 4,
        "pic": pics,
        "pixel": pixels,
    }
    found = uvisxr.open_found(table, ["rate"]).compute()
    rates = ds.isel(pic=[3, 700, 1150]).uvis.rate()
    for k, (pic, pixel) in enumerate(zip(pics, pixels, strict=True)):
        one = rates.sel(pic=pic, pixel=pixel)
        for name in ("counts", "rate", "rate_upper", "et", "time"):
            np.testing.assert_array_equal(found[name][k], one[name], err_msg=name)
