"""What every room shares: errors, files, seeding, statistics, results, and the `Task` and `Policy` contracts."""
