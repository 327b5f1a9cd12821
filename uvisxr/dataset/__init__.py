"""The dataset itself: what its variables mean, what steps need of it and did, how it stays lazy."""
