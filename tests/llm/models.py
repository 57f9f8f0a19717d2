"""Small random models of many families, saved as a user would have them: folders of Hugging Face files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers as hf

VOCABULARY = 211  # a prime that no other size equals
DEPTH = 2


def _llama_like(kind: type[Any], **more: Any) -> Any:
    return kind(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=DEPTH,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
        **more,
    )


def _opt(width: int) -> Any:
    return hf.OPTConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        word_embed_proj_dim=width,
        num_hidden_layers=DEPTH,
        num_attention_heads=4,
        ffn_dim=48,
        max_position_embeddings=64,
        dropout=0.0,
    )


def _llava() -> Any:
    vision = hf.CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=8,
        patch_size=4,
        projection_dim=16,
    )
    return hf.LlavaConfig(
        vision_config=vision, text_config=_llama_like(hf.LlamaConfig), image_token_index=VOCABULARY - 1
    )


def _model(family: str) -> Any:
    small = {"vocab_size": VOCABULARY, "num_hidden_layers": DEPTH, "num_attention_heads": 4}
    match family:
        case "llama":
            return hf.LlamaForCausalLM(_llama_like(hf.LlamaConfig))
        case "mistral":
            return hf.MistralForCausalLM(_llama_like(hf.MistralConfig, sliding_window=None))
        case "qwen2":
            return hf.Qwen2ForCausalLM(_llama_like(hf.Qwen2Config))
        case "qwen3":
            return hf.Qwen3ForCausalLM(_llama_like(hf.Qwen3Config, head_dim=8))
        case "opt":
            return hf.OPTForCausalLM(_opt(32))
        case "opt-projected":
            return hf.OPTForCausalLM(_opt(24))
        case "gpt2":
            config = hf.GPT2Config(
                vocab_size=VOCABULARY,
                n_embd=32,
                n_layer=DEPTH,
                n_head=4,
                n_positions=64,
                bos_token_id=0,
                eos_token_id=0,
            )
            return hf.GPT2LMHeadModel(config)
        case "gpt-neox":
            config = hf.GPTNeoXConfig(
                hidden_size=32, intermediate_size=48, max_position_embeddings=64, **small
            )
            return hf.GPTNeoXForCausalLM(config)
        case "phi":
            config = hf.PhiConfig(
                hidden_size=32,
                intermediate_size=48,
                max_position_embeddings=64,
                bos_token_id=0,
                eos_token_id=0,
                **small,
            )
            return hf.PhiForCausalLM(config)
        case "llava":
            return hf.LlavaForConditionalGeneration(_llava())
        case "bert":
            config = hf.BertConfig(hidden_size=32, intermediate_size=48, max_position_embeddings=64, **small)
            return hf.BertModel(config)
    raise AssertionError(family)


FAMILIES = (
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "opt",
    "opt-projected",
    "gpt2",
    "gpt-neox",
    "phi",
    "llava",
    "bert",
)


def save_family(family: str, folder: Path) -> Path:
    """A model of that family with weights large enough to matter (biases too), in `folder`."""
    torch.manual_seed(sum(map(ord, family)))
    model = _model(family)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    return folder
