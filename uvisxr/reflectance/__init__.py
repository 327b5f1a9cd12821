"""Sunlight that bodies reflect: solar spectra, I/F, whole disks."""
