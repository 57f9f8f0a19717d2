"""What makes a Hugging Face model a backbone: find its decoder, strip the vocabulary, truncate the layers."""

from __future__ import annotations

from typing import Any

from torch import nn

from netwright.core.errors import ConfigError


def language_decoder(model: nn.Module) -> nn.Module:
    """The decoder inside a multimodal or wrapped model; the model itself if it is one."""
    for attribute in ("language_model", "decoder", "model"):
        inner = getattr(model, attribute, None)
        if isinstance(inner, nn.Module) and hasattr(inner, "config"):
            return inner if attribute == "decoder" else language_decoder(inner)
    return model


def count_published(decoder: nn.Module) -> int:
    """Weights of the language model as published: with embedding matrix, and output matrix if untied."""
    config: Any = decoder.config
    embedding = _embedding(decoder)
    own = sum(p.numel() for p in decoder.parameters())
    if embedding.num_embeddings <= 1:  # never had a vocabulary
        return own - int(embedding.weight.numel())
    tied = getattr(config, "tie_word_embeddings", True)  # one without this entry has no output matrix
    return own + (0 if tied else int(embedding.weight.numel()))


def strip_vocabulary(decoder: nn.Module) -> None:
    """Put one row of zeros in the place of the embedding matrix; drop the pooler of a sentence encoder."""
    old = _embedding(decoder).weight
    empty = nn.Embedding(1, old.shape[1], _weight=old.detach().new_zeros(1, old.shape[1]))
    decoder.set_input_embeddings(empty)  # type: ignore[operator]
    if getattr(decoder, "pooler", None) is not None:
        decoder.pooler = None  # type: ignore[assignment]


def layer_stack(decoder: nn.Module) -> nn.ModuleList:
    """The list of transformer layers of a decoder.

    Raises:
        ConfigError: the model has no list of as many layers as its configuration says.
    """
    depth = getattr(decoder.config, "num_hidden_layers", None)
    for module in decoder.modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return module
    raise ConfigError(
        f"{type(decoder).__name__} has no list of {depth} layers; give a decoder-style transformer."
    )


def truncate(decoder: nn.Module, max_layers: int) -> None:
    """Remove all but the lowest `max_layers` layers; the norm after the last layer stays.

    Raises:
        ConfigError: the model has not so many layers, or fewer than one are asked for.
    """
    stack = layer_stack(decoder)
    if not 1 <= max_layers <= len(stack):
        raise ConfigError(
            f"max_layers must lie between 1 and {len(stack)}, the depth of the backbone, got {max_layers}."
        )
    del stack[max_layers:]
    config: Any = decoder.config
    config.num_hidden_layers = max_layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:max_layers]


def token_width(decoder: nn.Module) -> int:
    """Size of the embeddings that the decoder takes in and gives out."""
    return int(_embedding(decoder).embedding_dim)


def max_tokens(decoder: nn.Module) -> int | None:
    """Tokens that the decoder has positions for, if its configuration says."""
    limit: int | None = getattr(decoder.config, "max_position_embeddings", None)
    return limit if limit is None or limit > 0 else None  # XLNet says -1


def _embedding(decoder: nn.Module) -> nn.Embedding:
    """The embedding matrix of a language model.

    Raises:
        ConfigError: the model has none.
    """
    try:
        found = decoder.get_input_embeddings()  # type: ignore[operator]
    except (AttributeError, NotImplementedError):
        found = None
    if not isinstance(found, nn.Embedding):
        raise ConfigError(
            f"{type(decoder).__name__} has no word embeddings, so it is no language model; give a causal "
            "decoder such as Llama, Qwen, Mistral or GPT-2."
        )
    return found
