"""The optional image token: cached features of the frame that is on the screen when a prediction is made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import DataError
from netwright.tasks.vp.windows import Windows


def image_features(n_features: int, windows: Windows) -> dict[str, NDArray[np.float32]]:
    """`{"image": (N, n_features)}` of the last sample seen in each window, or nothing for 0 features.

    Raises:
        DataError: a video has no features, or of another size.
    """
    if not n_features:
        return {}
    frames = windows.traces.frames
    out = np.empty((len(windows), n_features), dtype=np.float32)
    for video in np.unique(windows.traces.video[windows.trace]):
        features = frames.get(int(video))
        if features is None or features.ndim != 2 or features.shape[1] != n_features:
            found = "there are none" if features is None else f"they have shape {features.shape}"
            raise DataError(
                f"{windows.traces.name}: video {video} needs image features of shape (samples, {n_features}), {found}; "
                f"put them into vp/image_features/{windows.traces.name}/video{video}.npz (array `features`)."
            )
        of_video = windows.traces.video[windows.trace] == video
        out[of_video] = features[np.minimum(windows.start[of_video] - 1, len(features) - 1)]
    return {"image": out}
