"""Backbones, low-rank matrices, multimodal encoder, networking heads. Everything here imports torch."""
