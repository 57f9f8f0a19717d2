"""The commands of `netwright design`."""
