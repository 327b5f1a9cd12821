"""FITS files of the UVIS team's layout with PDS4 labels: written, read back, and how fine in time.

`ds.uvis.to_fits` writes and `uvisxr.open_fits` reads. `subsampling` tells how many instants of an
exposure the backplanes of such a file need, `smear` how far the slit moves meanwhile. What of the
layout is certain, and what is our choice where it leaves things open, is in docs/howto/fits.md.
"""

from .instants import smear, subsampling

__all__ = ["smear", "subsampling"]


def __dir__() -> list[str]:
    return __all__
