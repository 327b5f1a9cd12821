"""Numbers without xarray, files or SPICE: counting statistics, spectra along wl, runs of zeros, grids."""
