"""Adaptive bitrate streaming: experiments and the part of the demo."""
