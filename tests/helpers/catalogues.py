"""Generated rows of a catalogue, of any number: products, and where their spectra looked.

Every value is drawn at random, but has the ranges and the relations of real ones: a limb scan has
altitudes, a disk has negative ones, longitudes wrap around, some products have no pointing and some
are of no body, some lines of sight look away and some rings are hidden.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from uvisxr.catalogue import schema
from uvisxr.catalogue.bands import BANDS

#: Targets with their share of the products, and their radius, km; 0 of what is no body.
TARGETS = {
    "TITAN": (0.3, 2575.0),
    "SATURN": (0.3, 60268.0),
    "ENCELADUS": (0.1, 252.0),
    "S RINGS": (0.1, 60268.0),
    "STAR": (0.2, 0.0),
}

SLITS = ("LOW_RESOLUTION", "HIGH_RESOLUTION", "OCCULTATION")
START = np.datetime64("2004-07-01T00:00:00", "us")


def tables(
    products: int, exposures: int = 4, pixels: int = 60, seed: int = 0, first: int = 0
) -> tuple[pa.Table, pa.Table]:
    """Products from number `first` on, and their spectra, one row each."""
    rng = np.random.default_rng((seed, first))
    names, shares, radii = zip(*((n, s, r) for n, (s, r) in TARGETS.items()), strict=True)
    which = rng.choice(len(names), products, p=shares)
    channel = rng.choice(["FUV", "EUV"], products, p=[0.7, 0.3])
    slit = rng.choice(SLITS, products, p=[0.7, 0.2, 0.1])
    start = START + (rng.random(products) * 13 * 365.25 * 86400 * 1e6).astype("timedelta64[us]")
    exposure = rng.choice([8.0, 120.0, 240.0], products)
    pointed = rng.random(products) > 0.1
    label = np.array([f"{c}{first + k:07d}" for k, c in enumerate(channel)])
    body = np.where(
        pointed, np.array([n if r else "" for n, r in zip(names, radii, strict=True)])[which], ""
    )
    body = np.where(body == "S RINGS", "SATURN", body)

    each = exposures * pixels
    of = np.repeat(np.arange(products), each)
    pic = np.tile(np.repeat(np.arange(exposures), pixels), products)
    pixel = np.tile(np.arange(pixels), products * exposures)
    n = of.size
    nothing = body[of] == ""
    radius = np.array(radii)[which][of]

    # A product looks around one place, and each spectrum near it.
    def near(low: float, high: float, spread: float) -> np.ndarray:
        centre = rng.uniform(low, high, products)[of]
        return centre + rng.normal(0, spread, n)

    limb = (rng.random(products) < 0.5)[of]
    alt = np.where(limb, near(0, 2000, 300), -np.abs(near(0, 1, 0.1)) * radius)
    lat = np.clip(near(-88, 88, 2.0), -90, 90)
    lon = near(0, 360, 3.0) % 360
    half = rng.uniform(0.1, 4.0, n)
    values: dict[str, np.ndarray] = {
        "window": np.zeros(n, np.int8),
        "pic": pic,
        "pixel": pixel,
        "time": start[of] + (exposure[of] * (pic + 0.5) * 1e6).astype("timedelta64[us]"),
        "exposure": exposure[of],
        "quality": rng.choice([0, 0, 0, 0, 1, 4, 8], n),
        "primary": np.ones(n, bool),
        "counts": rng.poisson(200, n),
    }
    seen = {
        "on_disk": alt < 0,
        "lon": lon,
        "lon_min": (lon - half) % 360,
        "lon_max": (lon + half) % 360,
        "lat": lat,
        "lat_min": np.maximum(lat - half, -90),
        "lat_max": np.minimum(lat + half, 90),
        "alt": alt,
        "alt_min": alt - 20 * half,
        "alt_max": alt + 20 * half,
        "sza": np.clip(near(0, 180, 3.0), 0, 180),
        "ems": np.where(alt < 0, np.clip(near(0, 90, 3.0), 0, 90), 90.0),
        "phase": np.clip(near(0, 150, 1.0), 0, 180),
        "lt": near(0, 24, 0.3) % 24,
        "distance": np.exp(near(9, 14, 0.001)),
    }
    sky = {"ra": near(0, 360, 0.5) % 360, "dec": np.clip(near(-88, 88, 0.5), -90, 90)}
    rings = {"ring_radius": np.exp(near(11, 13, 0.01)), "ring_longitude": near(0, 360, 1.0) % 360}
    more = np.random.default_rng((seed, first, 1))
    # Scans that go on until they look away from the body, and products that do nothing else.
    share = np.where(more.random(products) < 0.1, more.choice([0.3, 1.0], products), 0.0)
    away = ((pic + pixel / pixels) / exposures >= 1 - share[of]) & ~nothing
    seen["on_disk"] &= ~away
    places = [name for name in seen if name not in ("on_disk", "distance")]
    unknown = {
        **dict.fromkeys(seen, nothing),
        **dict.fromkeys(places, nothing | away),
        **dict.fromkeys(sky, ~pointed[of]),
        **dict.fromkeys(rings, (body[of] != "SATURN") | seen["on_disk"] & (more.random(n) < 0.5)),
    }
    values |= seen | sky | rings
    for name, band in BANDS.items():
        values[f"counts_{name}"] = rng.poisson(40, n)
        unknown[f"counts_{name}"] = channel[of] != band.channel

    shape = schema.of("spectra")
    # Names stand once, and numbers for them in the rows.
    words = {
        "product": (label, of),
        "channel": (channel, of),
        "slit": (slit, of),
        "target": (np.array(names), which[of]),
        "body": (body, of),
    }
    columns = []
    for field in shape:
        if field.name in words:
            all_names, place = words[field.name]
            unique, inverse = np.unique(all_names, return_inverse=True)
            columns.append(
                pa.DictionaryArray.from_arrays(
                    pa.array(inverse[place].astype(np.int32)), pa.array(unique.tolist())
                )
            )
        else:
            values[field.name] = np.asarray(values[field.name])
            array = pa.array(values[field.name], mask=unknown.get(field.name))
            columns.append(array.cast(field.type))
    spectra = pa.table(columns, schema=shape)

    made = {
        "product": label,
        "product_id": label,
        "label": np.char.add("/archive/", np.char.add(label, ".LBL")),
        "data": np.full(products, ""),
        "label_sha256": np.array([f"{k:064x}" for k in range(first, first + products)]),
        "status": np.full(products, "done"),
        "step": np.full(products, ""),
        "error": np.full(products, ""),
        "warnings": [[]] * products,
        "fingerprint": np.array([f"{k:064x}" for k in range(first, first + products)]),
        "version": np.full(products, "0.1.0"),
        "indexed": np.full(products, np.datetime64("2026-01-01", "us")),
        "channel": channel,
        "slit": slit,
        "optics": np.full(products, "telescope"),
        "target": np.array(names)[which],
        "target_name": np.array(names)[which],
        "compression": np.full(products, "SQRT_9"),
        "time_start": start,
        "time_stop": start + (exposure * exposures * 1e6).astype("timedelta64[us]"),
        "exposures": np.full(products, exposures),
        "exposure": exposure,
        "windows": np.ones(products, int),
        "pixels": np.full(products, pixels),
        "elements": np.full(products, 1024),
        "ul_line": np.full(products, 2),
        "ul_band": np.zeros(products, int),
        "lr_line": np.full(products, 61),
        "lr_band": np.full(products, 1023),
        "line_bin": np.ones(products, int),
        "band_bin": np.ones(products, int),
        "has_data": np.ones(products, bool),
        "pointing": np.where(pointed, "all", "none"),
        "geometry_note": np.where(pointed, "", "no pointing"),
        "bodies": [[name] if name else [] for name in body.tolist()],
        "kernels": [["naif0012.tls"]] * products,
        "spectra": np.full(products, each),
        "counts": values["counts"].reshape(products, -1).sum(axis=1),
        "lost": np.full(products, 0),
        "partial": np.full(products, 0),
        "dark_line": np.full(products, 0),
    }
    shape = schema.of("products")
    columns = [
        pa.array(made[f.name] if isinstance(made[f.name], list) else made[f.name].tolist(), f.type)
        if f.name not in ("time_start", "time_stop", "indexed")
        else pa.array(made[f.name], f.type)
        for f in shape
    ]
    return pa.table(columns, schema=shape), spectra


def many(
    spectra: int, exposures: int = 25, pixels: int = 60, seed: int = 0, at_once: int = 500
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Tables of products in blocks, until there are so many spectra."""
    needed = -(-spectra // (exposures * pixels))
    for first in range(0, needed, at_once):
        yield tables(min(at_once, needed - first), exposures, pixels, seed, first)
