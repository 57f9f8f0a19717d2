"""Tensors from files: the header is checked against the file before memory is taken, and every value is finite."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from netwright.core.array_files import safetensors_header
from netwright.core.errors import DataError
from netwright.core.reading import decoding


def read_tensors(path: Path, *, remedy: str, finite: bool = True) -> dict[str, Tensor]:
    """All tensors of a safetensors file by name.

    Args:
        remedy: what the user can do about a bad file, the end of the sentence.
        finite: whether NaN and infinity are refused.

    Raises:
        MissingFileError: there is no such file.
        DataError: damaged, or a tensor holds NaN or infinity.
    """
    safetensors_header(path, remedy=remedy)
    with decoding(path, "damaged", remedy):
        tensors = load_file(path)
    if finite:
        for name, value in tensors.items():
            if value.is_floating_point() and not torch.isfinite(value).all():
                raise DataError(f"{path}: tensor {name!r} holds NaN or infinity; {remedy}.")
    return tensors
