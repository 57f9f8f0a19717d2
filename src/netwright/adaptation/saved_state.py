"""What an adapter needs of its training to answer again, as typed documents: scales of conditions, usual ranges."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from netwright.adaptation.offline.return_conditioning import Kind, ReturnConditioning
from netwright.core.documents import Document, JsonObject

Positive = Annotated[float, Field(gt=0)]


class _Returns(Document):
    """Of `returns`: the scale of the return per decision, and quantiles of the episodes' means."""

    low: float
    high: float
    quantiles: Annotated[tuple[float, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check(self.low <= self.high, "low must not lie above high")
        _check(list(self.quantiles) == sorted(self.quantiles), "quantiles must not fall")
        return self


class _Published(Document):
    """Of `returns-published`: the range of the rewards, and the target return."""

    low: float
    high: float
    target: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check(self.low < self.high, "low must lie below high")
        return self


class _Vector(Document):
    """Of `vector-returns`: for each component its scale, and what each policy reached."""

    deviation: tuple[Positive, ...]
    reached: Annotated[tuple[tuple[float, ...], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        _check(
            all(len(row) == len(self.deviation) for row in self.reached), "rows of reached differ in length"
        )
        return self


class _Nothing(Document):
    """Of kinds without a scale."""


_FITTED: dict[Kind, type[Document]] = {
    "none": _Nothing,
    "regret": _Nothing,
    "returns": _Returns,
    "returns-published": _Published,
    "vector-returns": _Vector,
}


class SavedReturnConditioning(Document):
    """A `ReturnConditioning`, whose scales are those of its kind."""

    kind: Kind
    size: Annotated[int, Field(ge=0, le=64)]
    fitted: JsonObject

    def made(self, where: object, *, remedy: str) -> ReturnConditioning:
        """The conditioning.

        Raises:
            DataError: its scales are not those of its kind, or its size is not.
        """
        scales = _FITTED[self.kind].of(self.fitted, f"{where}.fitted", remedy=remedy)
        size = len(scales.deviation) if isinstance(scales, _Vector) else int(self.kind != "none")
        SavedSize.of({"size": self.size, "expected": size}, where, remedy=remedy)
        return ReturnConditioning(self.kind, self.size, self.fitted)


class SavedSize(Document):
    """A size beside the one that the rest of a document asks for."""

    size: int
    expected: int

    @model_validator(mode="after")
    def _equal(self) -> Self:
        _check(self.size == self.expected, f"size is {self.size}, the scales are of {self.expected}")
        return self


class SavedFeatureBounds(Document):
    """Bounds of features, see `netwright.adaptation.guard`."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check(len(self.low) == len(self.high), "low and high differ in length")
        _check(all(a <= b for a, b in zip(self.low, self.high, strict=True)), "low must not lie above high")
        return self


def _check(right: bool, sentence: str) -> None:
    if not right:
        raise ValueError(sentence)
