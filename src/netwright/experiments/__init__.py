"""Tables, figures, reports: what is measured is set side by side, with its uncertainty, and said plainly."""
