"""Stars in the field of view: catalogues, where they fall, and files of what they crossed."""
