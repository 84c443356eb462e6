"""How deep in a model each parameter stands: declared, or read from the structure."""
