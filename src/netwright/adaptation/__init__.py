"""DD-LRNA (section 4.3, Wu et al. 2024): train encoder, head and low-rank matrices around a frozen language model."""
