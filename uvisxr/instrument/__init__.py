"""The instrument as built: optical channels, slits and the detector's rows, columns and bins.

`evil_pixels` gives the detector pixels that the flat field leaves out.
"""

from .evil import evil_pixels

__all__ = ["evil_pixels"]
