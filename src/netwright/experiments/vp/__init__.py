"""Viewport prediction: experiments and the part of the demo."""
