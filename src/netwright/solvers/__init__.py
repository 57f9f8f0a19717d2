"""Linear programs, solved by HiGHS or by blocks: sparse arrays in; a status, a checked solution and a report out."""
