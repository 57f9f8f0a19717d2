"""Networking heads (section 4.2): one valid answer per forward pass, by construction.

A head is a frozen dataclass whose `network(width)` gives a module with two faces: `forward` is what a loss is
taken of, `answer` is the valid answer itself.
"""

from netwright.llm.heads.candidates import Candidates, CandidatesHead
from netwright.llm.heads.choice import NODES, CategoricalChoice, ChoiceHead, Pointer, PointerHead
from netwright.llm.heads.common import CANDIDATES, VALID
from netwright.llm.heads.factored import Factored, FactoredHead, best, sampled
from netwright.llm.heads.regression import BoundedRegression, BoundedRegressionHead

__all__ = [
    "CANDIDATES",
    "NODES",
    "VALID",
    "BoundedRegression",
    "BoundedRegressionHead",
    "Candidates",
    "CandidatesHead",
    "CategoricalChoice",
    "ChoiceHead",
    "Factored",
    "FactoredHead",
    "Pointer",
    "PointerHead",
    "best",
    "sampled",
]
