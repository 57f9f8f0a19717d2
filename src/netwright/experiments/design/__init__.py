"""Network design: experiments and the part of the demo."""
