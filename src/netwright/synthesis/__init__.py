"""Comparative synthesis: find a good design for an unstated objective by asking a few questions.

After Wang, Jiang, Qiu, Rao: "Comparative Synthesis: Learning Near-Optimal Network Designs by Query" (POPL 2023).
This package is independent of networks: a problem consists of metric vectors, objectives over them, and designs.
"""
