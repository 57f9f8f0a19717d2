"""What every room shares: errors, files, seeds, statistics, results, the `Task` and `Policy` contracts."""
