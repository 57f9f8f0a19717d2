"""netwright: adapt one language model to networking tasks, and learn network designs from a few questions.

Adapt (after NetLLM, Wu et al., SIGCOMM 2024): `rl_collect`, `adapt`, `finetune_online`, `test`,
`compare`, `write_report`, `load`. They import torch on first use.
Synthesize (after comparative synthesis, Wang et al., POPL 2023): `synthesize`.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "adapt": "netwright.adaptation.api:adapt",
    "compare": "netwright.evaluation.api:compare",
    "finetune_online": "netwright.adaptation.api:finetune_online",
    "improve": "netwright.adaptation.api:finetune_online",  # its earlier name
    "load": "netwright.adaptation.api:load",
    "rl_collect": "netwright.adaptation.offline.collect:rl_collect",
    "synthesize": "netwright.synthesis.synthesize:synthesize",
    "test": "netwright.evaluation.api:test",
    "write_report": "netwright.report:write_report",
}

__all__ = [
    "__version__",
    "adapt",
    "compare",
    "finetune_online",
    "improve",
    "load",
    "rl_collect",
    "synthesize",
    "test",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from netwright.core.task import load_attribute

        return load_attribute(_LAZY[name])
    raise AttributeError(f"module 'netwright' has no attribute {name!r}")
