"""The multimodal encoder (section 4.1): raw inputs of any kind to token-like embeddings."""

from netwright.llm.encoders.graphs import Graph, GraphBatch, Inputs, Value, graphs_of, tensor_of
from netwright.llm.encoders.images import Image, ImageFeatures
from netwright.llm.encoders.multimodal import ModalitySpec, MultimodalEncoder
from netwright.llm.encoders.scalars import Scalars
from netwright.llm.encoders.timeseries import TimeSeries

__all__ = [
    "Graph",
    "GraphBatch",
    "Image",
    "ImageFeatures",
    "Inputs",
    "ModalitySpec",
    "MultimodalEncoder",
    "Scalars",
    "TimeSeries",
    "Value",
    "graphs_of",
    "tensor_of",
]
