"""Counts to radiance: the team's files, the sensitivity they make, radiances and errors."""
