"""Comparison of methods: test subjects, pooling over seeds, paired statistics."""
