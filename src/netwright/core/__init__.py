"""What all packages share: errors, files, seeds, results, and the `Task` and `Policy` contracts."""
