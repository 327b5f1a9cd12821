"""Bins of spectra: edges on a line or a circle, statistics of what lies in each."""
