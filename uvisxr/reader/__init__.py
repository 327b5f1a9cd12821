"""From products on disk to one dataset of exposures in time order."""
