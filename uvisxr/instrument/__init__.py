"""The instrument as built: optical channels, slits and the detector's rows, columns and bins."""
