"""The online phase: an adapted model trained further on episodes of its own."""
