"""Stars in the field of view: catalogues, predicted pixels, and files of star flags."""
