"""Networking heads (section 4.2): one valid answer per forward pass, by construction."""

from netwright.llm.heads.regression import BoundedRegression

__all__ = ["BoundedRegression"]
