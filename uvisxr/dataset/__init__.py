"""The dataset itself: what its variables mean, what was done to it, how it stays lazy."""
