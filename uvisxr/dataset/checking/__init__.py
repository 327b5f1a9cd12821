"""What steps check of a dataset, for `uvisxr.dataset.needs`: one module for each kind of thing."""
