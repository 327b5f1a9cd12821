"""Explore an observation with the mouse, and keep the code: `ds.uvis.explore()`."""
