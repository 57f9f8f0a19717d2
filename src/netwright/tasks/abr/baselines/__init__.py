"""Policies that an adapted model is set beside: rules, small specialist networks, and an offline optimum."""
