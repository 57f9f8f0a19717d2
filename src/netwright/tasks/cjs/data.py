"""The job profiles of cluster scheduling, from a folder of the documented layout or generated."""

from __future__ import annotations

from pathlib import Path

from netwright.core.errors import DataError
from netwright.core.files import sha256_of_file
from netwright.core.lazy import LazyMapping
from netwright.tasks.cjs import tpch
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.generator import generate
from netwright.tasks.cjs.originals import is_tree, read_tree

FOLDER, ORIGINALS = "tpch_npz", "tpch_original"


def load(folder: Path | None, *, seed: int = 0) -> CjsData:
    """Profiles from `<folder>/cjs/tpch_npz/<size>.npz`, or generated from the seed if that is None.

    A folder without these may hold the published files as they are (`<size>/adj_mat_<q>.npy` and their like), directly
    or in `tpch_original`.

    Raises:
        DataError: there is no such folder, or a file is missing or damaged.
    """
    if folder is None:
        return generate(seed=seed)
    place = Path(folder) / "cjs"
    if not place.is_dir():
        raise DataError(f"{place}: no such folder; check --data, or run `netwright data fetch cjs`.")
    original = next((found for found in (place / ORIGINALS, place) if is_tree(found)), None)
    if original is not None and not (place / FOLDER).is_dir():
        return CjsData({profile.name: profile for profile in read_tree(original)}, source=str(original))
    files = [place / FOLDER / f"{size}.npz" for size in tpch.SIZES]
    profiles = {profile.name: profile for file in files for profile in tpch.read_size(file)}
    hashes = LazyMapping(
        [f"{FOLDER}/{file.name}" for file in files], lambda path: sha256_of_file(place / path)
    )
    return CjsData(profiles, source=str(place), hashes=hashes)
