"""Hostile input for every door of the package, and what it must mean."""
