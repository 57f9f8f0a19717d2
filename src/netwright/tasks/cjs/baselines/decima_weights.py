"""Files of Decima's parameters: a folder that training wrote, or a file (safetensors, or the npz of a data folder)."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from netwright.adaptation.saved_model import BASELINE, DESCRIPTION, SavedBaseline, read_saved
from netwright.core.array_files import read_npz
from netwright.core.documents import JsonObject, write_folder
from netwright.core.errors import FormatError
from netwright.core.files import replacing
from netwright.llm.tensors import read_tensors
from netwright.tasks.cjs.baselines.decima_network import DecimaNetwork

NAME = "decima"
SHIPPED = Path(__file__).parent / "weights" / NAME
PUBLISHED = SHIPPED.with_name("decima-published") / "model.safetensors"
REMEDY = "restore the file"
_LIMIT = 1 << 20


def read_network(path: Path = PUBLISHED) -> DecimaNetwork:
    """The network with the parameters of a folder or file; the published ones if none is given.

    Raises:
        DataError: a file is missing or damaged.
        FormatError: it holds other parameters.
    """
    if path.is_dir():
        saved = read_saved(path, needed=(BASELINE,))
        found = saved.policy if isinstance(saved, SavedBaseline) else "an adapted model"
        if saved.task != "cjs" or found != NAME:
            raise FormatError(f"{path}: holds {found}, not {NAME}; give another folder.")
        path = path / BASELINE
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


def save(folder: Path, network: DecimaNetwork, description: JsonObject) -> None:
    """Write the network as a folder that `read_network` reads, in one step.

    Args:
        folder: replaced if it exists.
        network: trained.
        description: as `description.described` makes it.
    """
    with replacing(folder) as temporary:
        temporary.mkdir()
        tensors = {k: v.detach().contiguous() for k, v in network.state_dict().items()}
        save_file(tensors, temporary / BASELINE)
        write_folder(
            temporary, DESCRIPTION, SavedBaseline.of(description, folder / DESCRIPTION, remedy=REMEDY)
        )
