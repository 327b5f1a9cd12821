"""NetCDF files: encodings, writing, compression."""
