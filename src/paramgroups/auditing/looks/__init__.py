"""What the objects tell of who is in which group, and with which values."""
