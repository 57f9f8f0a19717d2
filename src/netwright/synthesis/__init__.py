"""Comparative synthesis: a good design for an objective that nobody has written down, from a few questions.

After Wang, Jiang, Qiu, Rao: "Comparative Synthesis: Learning Near-Optimal Network Designs by Query" (POPL 2023).
This package has never heard of a network: a problem is metric vectors, objectives over them, and designs.
"""
