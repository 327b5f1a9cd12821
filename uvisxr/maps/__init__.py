"""Maps of bodies: footprints at the altitude of an emission on grids of equal or known areas."""
