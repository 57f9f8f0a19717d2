"""How many weights train, out of how many: counted on a model, or from shapes alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from netwright.llm.backbone import Backbone
from netwright.llm.backbones import wrap_model
from netwright.llm.lora import Targets, add_low_rank


@dataclass(frozen=True, slots=True)
class ParameterCounts:
    """Weights of an adapted model.

    Attributes:
        published: of the language model as published, vocabulary and all layers included; 0 without one.
        held: in memory: what is left of the language model, and all that was added.
        trainable: that adaptation changes.
    """

    published: int
    held: int
    trainable: int

    @property
    def fraction(self) -> float:
        """Trainable weights as a share of the published model, as in the paper (of `held` without one)."""
        return self.trainable / (self.published or self.held)

    def to_json(self) -> dict[str, float]:
        """The counts and the fraction."""
        return asdict(self) | {"fraction": self.fraction}


def parameter_counts(model: nn.Module) -> ParameterCounts:
    """The weights of a model that holds at most one `Backbone`."""
    parameters = list(model.parameters())
    return ParameterCounts(
        published=sum(m.n_published for m in model.modules() if isinstance(m, Backbone)),
        held=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
    )


def trainable_share(
    config: Any, added: nn.Module, *, rank: int, targets: Targets = "query-value"
) -> ParameterCounts:
    """What adapting a language model would train, from its configuration alone: no weight is allocated.

    Args:
        config: a Hugging Face configuration.
        added: the encoder and the head, trainable.
        rank: of the low-rank matrices.
        targets: which modules have them.
    """
    from transformers import AutoModel

    with torch.device("meta"):
        backbone = wrap_model("meta", AutoModel.from_config(config), device="meta")
        add_low_rank(backbone, rank=rank, alpha=float(rank), dropout=0.0, targets=targets)
    return parameter_counts(nn.ModuleList([backbone, added]))


def published_viewport_share() -> ParameterCounts:
    """The paper's 0.31 %: Llama2-7B adapted to viewport prediction with rank 32 on query and value.

    Encoder and head have the shapes of the published code: every sample's three angles through a convolution
    and a projection, an image's 768 features through another, one layer norm, a linear head to three angles.

    Source: Wu et al. 2024, and the code that comes with it.
    """
    from transformers import LlamaConfig

    config = LlamaConfig(vocab_size=32_000, hidden_size=4096, num_hidden_layers=32, intermediate_size=11_008)
    width = config.hidden_size
    with torch.device("meta"):
        encoder = (nn.Conv1d(1, 256, kernel_size=3), nn.Linear(256, width), nn.Linear(768, width))
        added = nn.ModuleList([*encoder, nn.LayerNorm(width), nn.Linear(width, 3)])
    return trainable_share(config, added, rank=32)
