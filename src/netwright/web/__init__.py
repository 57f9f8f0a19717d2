"""The operator's app: a dialogue about a network design in a browser (`netwright design serve`)."""
