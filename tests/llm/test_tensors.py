import pytest
import torch
from safetensors.torch import save_file

from netwright.core.errors import DataError
from netwright.core.reading import MissingFileError
from netwright.llm.tensors import read_tensors


def test_tensors_come_back(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.arange(3.0), "b": torch.ones(2, dtype=torch.bfloat16)}, path)
    found = read_tensors(path, remedy="x")
    assert torch.equal(found["a"], torch.arange(3.0))
    assert found["b"].dtype == torch.bfloat16


def test_every_cut_and_nan_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.tensor([1.0, float("nan")])}, path)
    with pytest.raises(DataError, match="tensor 'a' holds NaN or infinity; adapt again"):
        read_tensors(path, remedy="adapt again")
    assert read_tensors(path, remedy="x", finite=False)["a"].shape == (2,)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match="damaged"):
            read_tensors(path, remedy="x")
    with pytest.raises(MissingFileError):
        read_tensors(tmp_path / "absent", remedy="x")
