"""PDS3 products of UVIS: labels, data files, and how they belong together."""
