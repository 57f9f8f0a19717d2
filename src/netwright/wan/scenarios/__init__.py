"""Design scenarios, one folder each, found by the registry."""
