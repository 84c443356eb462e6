"""What a few real steps on copies tell."""
