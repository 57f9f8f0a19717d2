"""Experiments: measurements with their uncertainty, as rows, figures and reports."""
