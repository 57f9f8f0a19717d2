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
from netwright.tasks.cjs.own_jobs import files_of, own_jobs, read_own
from netwright.tasks.cjs.workload import Profile

FOLDER, ORIGINALS, JOBS = "tpch_npz", "tpch_original", "jobs"


def load(folder: Path | None, *, seed: int = 0) -> CjsData:
    """Profiles from `<folder>/cjs/tpch_npz/<size>.npz`, or generated from the seed if that is None.

    A folder without these may hold the published files as they are (`<size>/adj_mat_<q>.npy` and their like), directly
    or in `tpch_original`.

    `<folder>/cjs/jobs` holds jobs of the user's own (`own_jobs`); a folder that holds only these has no profiles.

    Raises:
        DataError: there is no such folder, or a file is missing or damaged.
    """
    if folder is None:
        return generate(seed=seed)
    place = Path(folder) / "cjs"
    if not place.is_dir():
        raise DataError(f"{place}: no such folder; check --data, or run `netwright data fetch cjs`.")
    own = own_jobs(place / JOBS)
    sequences = LazyMapping(own, lambda name: read_own(own[name]))
    profiles, files = _profiles(place)
    all_files = [*files, *(file for path in own.values() for file in files_of(path))]
    paths = [file.relative_to(place).as_posix() for file in all_files]
    hashes = LazyMapping(paths, lambda path: sha256_of_file(place / path))
    return CjsData(profiles, source=str(place), sequences=sequences, hashes=hashes)


def _profiles(place: Path) -> tuple[dict[str, Profile], list[Path]]:
    """Profiles by name, and the files that they are from; none of a folder of own jobs."""
    if not (place / FOLDER).is_dir():
        original = next((found for found in (place / ORIGINALS, place) if is_tree(found)), None)
        if original is not None:
            files = sorted(original.glob("*/*.npy"))
            return {profile.name: profile for profile in read_tree(original)}, files
        if (place / JOBS).is_dir():
            return {}, []
    files = [place / FOLDER / f"{size}.npz" for size in tpch.SIZES]
    return {profile.name: profile for file in files for profile in tpch.read_size(file)}, files
