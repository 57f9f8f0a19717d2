"""Files of Decima's parameters: safetensors, or the npz of a data folder."""

from __future__ import annotations

from pathlib import Path

import torch

from netwright.core.array_files import read_npz
from netwright.core.errors import FormatError
from netwright.llm.tensors import read_tensors
from netwright.tasks.cjs.baselines.decima_network import DecimaNetwork

PUBLISHED = Path(__file__).parent / "weights" / "decima-published" / "model.safetensors"
REMEDY = "restore the file"
_LIMIT = 1 << 20


def read_network(path: Path = PUBLISHED) -> DecimaNetwork:
    """The network with the parameters of a file, `.npz` or safetensors; the published ones if none is given.

    Raises:
        DataError: the file is missing or damaged.
        FormatError: it holds other parameters.
    """
    if path.suffix == ".npz":
        arrays = read_npz(path, remedy=REMEDY, limit=_LIMIT)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    else:
        tensors = read_tensors(path, remedy=REMEDY)
    with torch.random.fork_rng(devices=[]):  # building draws weights, which are replaced at once
        network = DecimaNetwork()
    try:
        network.load_state_dict(tensors)
    except (RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FormatError(f"{path}: not Decima's parameters ({reason}); give another file.") from None
    return network.requires_grad_(False).eval()
