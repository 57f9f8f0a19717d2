"""Which methods are compared, and how: policies, pooling over seeds, paired statistics."""
