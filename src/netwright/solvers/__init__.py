"""Linear programs over HiGHS: sparse arrays in, a status, a checked solution and a report out."""
