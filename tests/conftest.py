"""What holds for every test: one thread for torch, and no deadline for laws checked on a busy machine."""

import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("netwright", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("netwright")
