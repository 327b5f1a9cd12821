"""A catalogue of the archive: every product, and where each of its spectra looked.

The pieces: `schema` (the columns), `store` (the tables on disk), `rows` (what a product gives),
`build` (many products), `search` and `expression` (questions), `found` (the spectra found).
"""
