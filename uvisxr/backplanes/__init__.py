"""Backplanes: what every pixel sees of every body and of the rings, at several times in each
exposure."""
