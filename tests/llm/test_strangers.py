"""Models from strangers: no code of theirs runs, what is no causal decoder is refused, nothing is fetched unasked."""

import json
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import save_file

from netwright.adaptation.api import adapt, load
from netwright.adaptation.config import TrainingConfig
from netwright.core.documents import sealed
from netwright.core.errors import ConfigError, FormatError, NetwrightError, UnknownNameError
from netwright.llm import backbones, loading
from netwright.llm.backbones import build_backbone, llama_config, wrap_model
from netwright.llm.checking import check_backbone
from netwright.llm.lora import add_low_rank
from tests.adaptation import toy
from tests.adaptation.toy import small_backbone

BART = {"vocab_size": 11, "d_model": 16, "encoder_layers": 2, "decoder_layers": 2}
BART |= {
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
}
DISTILBERT = {"vocab_size": 11, "dim": 16, "hidden_dim": 32, "n_layers": 2, "n_heads": 2}
MAMBA = {"vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4}
T5 = {"vocab_size": 11, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
VIT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
VIT |= {"image_size": 8, "patch_size": 4}
TINY = {"vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


def model(name, config, **more):
    """A model of a class of transformers with random weights; skipped where this version lacks it."""
    if not hasattr(transformers, name):
        pytest.skip(f"transformers has no {name}")
    torch.manual_seed(0)
    made = getattr(transformers, name)(getattr(transformers, config)(**more))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made


@pytest.fixture
def no_network(monkeypatch):
    """Any connection is noted and refused."""
    asked = []

    def refuse(address, *more, **options):
        asked.append(address)
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: refuse(address))
    monkeypatch.setattr(loading, "getproxies", dict)
    return asked


@pytest.fixture
def folder(tmp_path):
    small_backbone(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("name", "config", "more", "reason"),
    [
        ("DistilBertModel", "DistilBertConfig", DISTILBERT, "causal decoder"),
        ("BertModel", "BertConfig", TINY | {"intermediate_size": 32}, "those after it|step by step"),
        (
            "BloomModel",
            "BloomConfig",
            {"vocab_size": 11, "hidden_size": 16, "n_layer": 2, "n_head": 2},
            "give a",
        ),
        ("BartModel", "BartConfig", BART, "give a"),
        ("ViTModel", "ViTConfig", VIT, "no word embeddings"),
        ("MambaModel", "MambaConfig", MAMBA, "give a"),
        ("T5EncoderModel", "T5Config", T5, "give a"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.endswith("Model") else "",
)
def test_what_is_no_causal_decoder_is_refused_in_one_sentence(name, config, more, reason):
    with pytest.raises(ConfigError, match=reason) as refused:
        check_backbone(wrap_model(name, model(name, config, **more)))
    said = str(refused.value)
    assert name in said or "give" in said
    assert "\n" not in said
    assert len(said) < 400


@pytest.mark.parametrize(
    ("name", "config", "more"),
    [
        ("LlamaModel", "LlamaConfig", TINY | {"intermediate_size": 32}),
        ("GPT2Model", "GPT2Config", {"vocab_size": 11, "n_embd": 16, "n_layer": 2, "n_head": 2}),
        ("Qwen2Model", "Qwen2Config", TINY | {"intermediate_size": 32, "num_key_value_heads": 2}),
    ],
    ids=lambda value: value if isinstance(value, str) and value.endswith("Model") else "",
)
def test_causal_decoders_pass(name, config, more):
    check_backbone(wrap_model(name, model(name, config, **more)))


def test_a_model_with_an_inexact_cache_is_refused():
    found = wrap_model("llama", model("LlamaModel", "LlamaConfig", **TINY, intermediate_size=32))
    exact = found.extend

    def inexact(tokens, cache=None):
        states, cache = exact(tokens, cache)
        return states * 1.001, cache

    found.extend = inexact
    with pytest.raises(ConfigError, match="other states step by step than at once"):
        check_backbone(found)


def test_a_model_without_gradients_is_refused():
    class Deaf(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.config = inner, inner.config

        def forward(self, inputs_embeds, **more):
            found = self.inner(inputs_embeds=inputs_embeds.detach(), **more)
            found.last_hidden_state.requires_grad_(inputs_embeds.requires_grad)
            return found

    found = wrap_model("llama", model("LlamaModel", "LlamaConfig", **TINY, intermediate_size=32))
    found.model = Deaf(found.model)
    with pytest.raises(ConfigError, match="passes no finite gradient"):
        check_backbone(found)


def test_the_check_takes_little_time():
    found = wrap_model("llama", model("LlamaModel", "LlamaConfig", **TINY, intermediate_size=32))
    check_backbone(found)
    began = time.perf_counter()
    check_backbone(found)
    assert time.perf_counter() - began < 1.0


def test_no_code_of_a_folder_runs_and_nothing_is_asked(folder, monkeypatch, tmp_path):
    marker = tmp_path / "ran"
    (folder / "modeling_evil.py").write_text(f"open({str(marker)!r}, 'w').write('x')\nclass Evil: pass\n")
    config = json.loads((folder / "config.json").read_text())
    auto_map = {"AutoConfig": "modeling_evil.Evil", "AutoModel": "modeling_evil.Evil"}
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked on stdin"))
    for changed in (config | {"auto_map": auto_map}, {"auto_map": auto_map, "model_type": "evil"}):
        (folder / "config.json").write_text(json.dumps(changed))
        try:
            build_backbone(str(folder))
        except NetwrightError as error:
            assert "cannot be loaded" in str(error)
        assert not marker.exists()


def test_pickled_weights_are_read_only_where_the_user_says_so(folder):
    from safetensors.torch import load_file

    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"pickled \.bin files only.*or give bin:"):
        build_backbone(str(folder))
    assert build_backbone(f"bin:{folder}").width == 32


@pytest.mark.parametrize(
    ("remove", "reason"),
    [("config.json", "has no config.json"), ("model.safetensors", "has no weights")],
)
def test_a_folder_that_lacks_a_file_is_refused_with_its_name(folder, remove, reason):
    (folder / remove).unlink()
    with pytest.raises(ConfigError, match=reason):
        build_backbone(str(folder))


@pytest.mark.parametrize("name", ["m/nothere", "./nothere", "/nowhere/at/all", "a/b/c"])
def test_a_name_of_nothing_is_refused_at_once(name, no_network, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    began = time.perf_counter()
    with pytest.raises(ConfigError, match="no such folder"):
        build_backbone(name)
    assert time.perf_counter() - began < 5.0
    assert len(no_network) == (1 if name == "m/nothere" else 0)


def test_an_unknown_word_lists_the_presets():
    with pytest.raises(UnknownNameError, match="tiny"):
        build_backbone("tyni")


def test_a_saved_model_cannot_name_a_backbone_by_itself(folder, no_network, tmp_path):
    out = tmp_path / "out"
    made = adapt(toy.TASK, "toy", out=str(out), backbone=str(folder), options={"iterations": 2})
    with pytest.raises(ConfigError, match=r"not one of netwright's own; name the one to use with --backbone"):
        load(str(out), toy.TASK)
    again = load(out, toy.TASK, backbone=str(folder))
    inputs, _ = toy.examples(np.random.default_rng(0), 4)
    assert (again.policy.act(inputs) == made.policy.act(inputs)).all()
    with pytest.raises(FormatError, match="other weights"):
        load(out, toy.TASK, backbone="random:tiny")
    with pytest.raises(ConfigError, match="the hub is not contacted here"):
        load(out, toy.TASK, backbone="some/model")
    assert no_network == []


def test_another_rank_is_refused_before_memory_is_taken(folder, tmp_path):
    out = tmp_path / "out"
    adapt(toy.TASK, "toy", out=out, backbone=str(folder), options={"iterations": 2})
    path = out / "netwright.json"
    document = json.loads(path.read_text())
    document["training"]["rank"] = 9999
    path.write_text(json.dumps(sealed(document)))
    began = time.perf_counter()
    with pytest.raises(FormatError, match=r"has rank 4, the description says 9999"):
        load(out, toy.TASK, backbone=str(folder))
    assert time.perf_counter() - began < 5.0


def test_a_head_of_another_shape_is_refused_by_its_header(folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    adapt(toy.TASK, "toy", out=out, backbone=str(folder), options={"iterations": 2})
    monkeypatch.setattr(toy, "LENGTH", 16)
    wide = type(toy.ToyAdapter.modalities[0])("series", 1, 16, patch=4, n_features=64)
    monkeypatch.setattr(toy.ToyAdapter, "modalities", (wide, toy.ToyAdapter.modalities[1]))
    with pytest.raises(FormatError, match="encoder_head"):
        load(out, toy.TASK, backbone=str(folder))


def test_a_gguf_file_is_read(tmp_path):
    gguf = pytest.importorskip("gguf")
    torch.manual_seed(0)
    config = llama_config(32, 2, 2, 48)
    config.vocab_size = 8
    source = transformers.LlamaModel(config)
    path = tmp_path / "small.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(2048)
    writer.add_embedding_length(32)
    writer.add_block_count(2)
    writer.add_feed_forward_length(48)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(16)
    writer.add_vocab_size(8)
    names = {
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    writer.add_tensor("token_embd.weight", source.embed_tokens.weight.detach().numpy())
    writer.add_tensor("output_norm.weight", source.norm.weight.detach().numpy())
    for i, layer in enumerate(source.layers):
        for ours, theirs in names.items():
            weight = layer.get_submodule(ours).weight.detach().numpy()
            writer.add_tensor(f"blk.{i}.{theirs}.weight", weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = build_backbone(str(path))
    assert found.width == 32
    assert len(found.model.layers) == 2


def test_without_its_package_a_gguf_file_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(NetwrightError, match=r"netwright\[gguf\]"):
        build_backbone(str(tmp_path / "x.gguf"))


def test_every_from_pretrained_goes_through_one_place():
    root = Path(backbones.__file__).parents[1]
    calls = [p.name for p in root.rglob("*.py") if ".from_pretrained(" in p.read_text()]
    assert calls == ["loading.py"]


def test_a_file_of_weights_alone_is_no_folder(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "x.bin")
    with pytest.raises(ConfigError, match="is a file"):
        build_backbone(str(tmp_path / "x.bin"))


def test_the_check_works_where_gradients_are_off():
    with torch.no_grad():
        check_backbone(
            wrap_model("small", model("LlamaModel", "LlamaConfig", **(TINY | {"intermediate_size": 32})))
        )


def test_a_configuration_that_cannot_be_is_one_sentence(folder):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_attention_heads": 5}))
    with pytest.raises(ConfigError, match="cannot be loaded"):
        build_backbone(str(folder))


@pytest.mark.parametrize("content", [b"GGUF", b"GGUF" + b"\x03\x00\x00\x00" + b"\xff" * 16, b"nothing"])
def test_a_damaged_gguf_file_is_one_sentence(tmp_path, content):
    pytest.importorskip("gguf")
    (tmp_path / "cut.gguf").write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be loaded"):
        build_backbone(str(tmp_path / "cut.gguf"))


def test_low_rank_matrices_reach_the_self_attention_of_t5_and_leave_out_that_to_an_encoder():
    decoder = model("T5ForConditionalGeneration", "T5Config", **T5)
    found = wrap_model("t5", decoder)
    add_low_rank(found, rank=2, alpha=2.0, dropout=0.0)
    trained = {name for name, p in found.named_parameters() if p.requires_grad}
    assert len(trained) == 8  # A and B of query and value in two layers
    assert all("SelfAttention" in name for name in trained)


def test_a_model_that_says_minus_one_position_has_no_limit():
    config = {"vocab_size": 11, "d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32}
    found = wrap_model("xlnet", model("XLNetModel", "XLNetConfig", **config))
    with pytest.raises(ConfigError, match=r"cannot be read token by token .* give a causal decoder"):
        check_backbone(found)


def test_weights_of_another_maker_in_a_file_are_refused_by_what_they_are(folder):
    with pytest.raises(FormatError, match=r"not written by `netwright pretrain`; give the folder"):
        build_backbone(str(next(folder.glob("*.safetensors"))))


def test_a_batch_larger_than_the_data_is_refused_with_their_number():
    config = TrainingConfig(batch_size=5000)
    config.check_batch(5000)
    with pytest.raises(
        ConfigError, match="at most 4096, because the training data hold 12 examples, got 5000"
    ):
        config.check_batch(12)
    with pytest.raises(ConfigError, match="batch_size must be at most 1000000"):
        TrainingConfig(batch_size=10**8)


def test_a_text_encoder_without_an_entry_for_tied_matrices_is_one_sentence(tmp_path):
    config = {"vocab_size": 11, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    made = model("CLIPTextModel", "CLIPTextConfig", **config, num_attention_heads=2)
    made.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"^backbone .* give a"):
        build_backbone(str(tmp_path))


def test_whatever_breaks_while_a_stranger_is_wrapped_is_one_sentence(folder, monkeypatch):
    def broken(decoder):
        raise AttributeError("no such entry")

    monkeypatch.setattr(backbones, "count_published", broken)
    with pytest.raises(ConfigError, match=r"cannot be loaded \(no such entry\)"):
        build_backbone(str(folder))
