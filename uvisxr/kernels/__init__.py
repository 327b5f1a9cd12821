"""SPICE kernels: what the archive offers, what is on disk, which to load, and loading them."""
