"""Simple and small methods of viewport prediction, one file each: what an adapted model has to beat."""
