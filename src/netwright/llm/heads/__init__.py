"""Networking heads (section 4.2): one valid answer per forward pass, by construction.

A head is a frozen dataclass whose `network(width)` gives a module with two faces: `forward` is what a loss is
taken of, `answer` is the valid answer itself.
"""

from netwright.llm.heads.candidates import Candidates, CandidatesHead
from netwright.llm.heads.choice import CategoricalChoice, ChoiceHead, Pointer
from netwright.llm.heads.regression import BoundedRegression, BoundedRegressionHead

__all__ = [
    "BoundedRegression",
    "BoundedRegressionHead",
    "Candidates",
    "CandidatesHead",
    "CategoricalChoice",
    "ChoiceHead",
    "Pointer",
]
