"""Measured figures of cluster job scheduling."""
