"""Light of the elements of a picture, rows by wavelength, from those of them that are clean.

Light is the mean spectrum, times each row's brightness, which changes slowly along the spectrum,
times what the elements next to each have more or less than that: lines, and structure along the
rows, are in it.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

#: Detector rows and columns over which a row's brightness is averaged (standard deviation).
_ALONG = np.array([0.0, 24.0])

#: The same over which elements tell of the light in their neighbours.
_NEAR = np.array([1.5, 2.0])

#: Rounds in which spectrum and brightness of the rows are found, each with the other.
_ROUNDS = 4

#: Relative variance below which noise does not make one element tell more than another.
_FLOOR = 0.04


def light_of(
    net: np.ndarray, response: np.ndarray, dark: np.ndarray, step: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Light of all elements, from those that are clean.

    Parameters
    ----------
    net : ndarray, (pixel, wl)
        Counts without background; 0 in elements that are not clean.
    response : ndarray, (pixel, wl)
        Counts per radiance; 0 likewise.
    dark : ndarray, (pixel, wl)
        Counts of the background; 0 likewise.
    step : ndarray, (2,)
        Detector rows and columns in an element.

    Returns
    -------
    radiance, unsure, of_spectrum, slope, error, slope, error : ndarray, (pixel, wl)
        The radiance, NaN where nothing is known; its relative variance, and that of the spectrum;
        by how much more than the mean the second column of an element has, relatively, and its
        error; then for rows.
    """
    row = np.ones(net.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        for _ in range(_ROUNDS):
            # Its sign is kept where noise makes it negative: to drop these columns would select.
            spectrum = net.sum(0) / np.nansum(response * row, axis=0)
            model = np.nan_to_num(response * spectrum)
            noise = dark + np.nan_to_num(np.maximum(model * row, 0.0))
            row, _ = _ratio(net, model, noise, _ALONG / step)
            row = np.clip(row, 0.0, None)
        model = np.nan_to_num(model * row)
        noise = dark + np.maximum(model, 0.0)
        near, unsure = _ratio(net, model, noise, _NEAR / step)
        misfit = _misfit(net, model, noise, step)
        variance = (noise + misfit * model**2).sum(0)
        of_spectrum = variance / (model.sum(0) ** 2 + variance)
        slopes = (
            *_slope(spectrum, step[1] == 2),
            *(a.T for a in _slope(row.T, step[0] == 2)),
        )
        unsure = unsure + misfit + noise.sum(0) / (model.sum(0) ** 2 + noise.sum(0))
        terms = (spectrum * row * near, unsure, of_spectrum, *slopes)
    return tuple(np.broadcast_to(a, net.shape) for a in terms)


def _ratio(
    net: np.ndarray, model: np.ndarray, noise: np.ndarray, sigma: np.ndarray, centre: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """What elements around have more or less than a model, and the relative variance of it.

    Where the noise is larger than the model, the ratio is held to 1.

    Parameters
    ----------
    net, model, noise : ndarray, (pixel, wl)
        Counts, what they should be, and their variance.
    sigma : ndarray, (2,)
        Rows and columns over which to average (standard deviation).
    centre : bool
        Whether an element tells of itself.
    """
    near, of_model = (gaussian_filter(a, sigma) for a in (net, model))
    # The squares of a Gaussian's weights are those of a narrower one, times that at its centre
    # over the square root of 2 in each direction.
    wide = sigma[sigma > 0]
    least = np.prod(1 / (2 * np.sqrt(np.pi) * wide))
    variance = least * gaussian_filter(noise, sigma / np.sqrt(2), truncate=4 * np.sqrt(2))
    if not centre:
        own = np.prod(1 / (np.sqrt(2 * np.pi) * wide))
        near, of_model = near - own * net, of_model - own * model
        variance = np.maximum(variance - own**2 * noise, 0.0)
    whole = of_model**2 + variance
    return 1 + (near - of_model) * of_model / whole, variance / whole


def _misfit(net: np.ndarray, model: np.ndarray, noise: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Relative variance of clean elements around what all others tell, beyond the noise.

    What its row and its column each have more or less than the mean, added to that, (pixel, wl).
    """
    near, unsure = _ratio(net, model, noise, _NEAR / step, centre=False)
    near, unsure = np.nan_to_num(near), np.nan_to_num(unsure)
    # An element is part of the spectrum too.
    others = np.clip(1 - np.nan_to_num(model / model.sum(0)), 0.0, 1.0)
    told = others > 0.1
    squares = np.where(told, (model * near) ** 2, 0.0)
    away = np.where(told, (net - model * near) / others, 0.0)
    noise = np.where(told, noise / others, 0.0)
    excess = away**2 - noise - squares * unsure
    # A bright row must not speak for all others.
    weight = np.nan_to_num(squares / (noise + _FLOOR * squares) ** 2)
    both = weight * excess, weight * squares
    along = [gaussian_filter(a, _ALONG / step) for a in both]
    across = [gaussian_filter1d(a.sum(0), 1.0) for a in both]
    mean, rows, columns = (
        np.nan_to_num(a / b) for a, b in ((both[0].sum(), both[1].sum()), along, across)
    )
    return np.asarray(np.clip(rows + columns - mean, 0.0, 1.0))


def _slope(light: np.ndarray, two: bool) -> tuple[np.ndarray, np.ndarray]:
    """By how much more than the mean the second half of elements has, relatively, and its error.

    Along the last axis, from the elements before and after; 0 unless elements are of `two` pixels.
    """
    if not two:
        return np.zeros(light.shape), np.zeros(light.shape)
    before, after = np.roll(light, 1, -1), np.roll(light, -1, -1)
    before[..., 0], after[..., -1] = np.nan, np.nan
    before, after = (np.where(np.isfinite(a), a, light) for a in (before, after))
    slope = (after - before) / (8 * light)
    # The next order: 1 for a star or a line of which one element has it all.
    error = ((after - 2 * light + before) / (2 * light)) ** 2
    slope, error = np.nan_to_num(slope), np.nan_to_num(error, nan=1.0)
    return np.clip(slope, -1.0, 1.0), np.clip(error, 0.0, 1.0)
