"""SPICE kernels: what the archive has, what is there, which to load, and loading them."""
