"""What pictures share: style, words, scales and colours; bodies, rings, and lines of spectra."""
