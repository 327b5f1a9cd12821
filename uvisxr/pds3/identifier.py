"""Identifiers of products, in the forms in which people write them.

FUV2009_173_15_16 is the PRODUCT_ID of the archive, which is also the name of the files. OPUS, the
search of the Ring-Moon Systems Node, writes co-uvis-fuv2009_173_15_16 and
COUVIS_0027/DATA/D2009_173/FUV2009_173_15_16.LBL; PDS4 has names such as 2009_173_15_16_fuv, and
logical identifiers that end in them. The team adds what controlled the pointing, and the number of
its observation, FUV2006_015_15_51_PRIME_1, or the second, EUV2013_047_09_33_59. In the archive
HDAC's names may have seconds, those of EUV and FUV have none.
"""

from __future__ import annotations

import re

_CHANNEL = r"(?P<channel>EUV|FUV|HSP|HDAC)"
_TIME = (
    r"(?P<year>\d{4})[_-](?P<day>\d{3})[_-](?P<hour>\d\d)[_-](?P<minute>\d\d)"
    r"(?:[_-](?P<second>\d\d))?"
)

_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?:CO-UVIS-)?{_CHANNEL}[_-]?{_TIME}(?:_(?!CAL_)[A-Z]+(?:_\d+)?)?",
        rf"/?COUVIS_\d{{4}}/DATA/D\d{{4}}_\d{{3}}/{_CHANNEL}{_TIME}\.(?:LBL|DAT)",
        rf"(?:URN:NASA:PDS:[\w:]+:)?{_TIME}_{_CHANNEL}(?:::[\d.]+)?",
    )
)


def product_id(text: str) -> str | None:
    """The PRODUCT_ID that a text stands for; None if it is of no known form.

    Examples
    --------
    >>> from uvisxr.pds3.identifier import product_id
    >>> product_id("co-uvis-fuv2009_173_15_16")
    'FUV2009_173_15_16'
    """
    found = (form.fullmatch(text.strip()) for form in _FORMS)
    match = next(filter(None, found), None)
    if match is None:
        return None
    channel = match["channel"].upper()
    times = match.group("year", "day", "hour", "minute", "second")
    return channel + "_".join(filter(None, times[:4] if channel in ("EUV", "FUV") else times))


def key(text: str) -> str:
    """A PRODUCT_ID by which the exposures of one product are known, whatever was added to it.

    Examples
    --------
    >>> from uvisxr.pds3.identifier import key
    >>> key("FUV2006_015_15_51_PRIME"), key("other")
    ('FUV2006_015_15_51', 'OTHER')
    """
    return product_id(text) or text.upper()
