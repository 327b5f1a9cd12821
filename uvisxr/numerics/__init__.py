"""Numbers without xarray, files or SPICE: counting statistics, spectra, runs of zeros, grids."""
