"""UVIS PDS3 products: labels, data files, and how they belong together."""
