"""Parameter-specific learning rates for PyTorch."""
