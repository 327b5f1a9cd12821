"""NetCDF-4 files as files of HDF5: checked before they are opened, and each opened but once."""
