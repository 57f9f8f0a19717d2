"""One folder a task; `netwright.core.registry` finds them."""
