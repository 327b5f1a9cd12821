"""Quality of spectra: flags, and detection of telemetry losses."""
