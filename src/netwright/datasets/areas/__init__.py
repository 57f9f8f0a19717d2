"""One module for each data area, with an `AREA`."""
