"""Quality of spectra: the flags, and finding what the telemetry lost."""
