"""What the objects tell of schedules: when they are stepped, how long they are, what they do to ratios."""
