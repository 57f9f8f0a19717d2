"""The adapted model: encoder, frozen decoder and head, for predictions and for decisions."""
