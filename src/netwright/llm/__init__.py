"""Backbones, low-rank matrices, the multimodal encoder and the networking heads. Everything here imports torch."""
