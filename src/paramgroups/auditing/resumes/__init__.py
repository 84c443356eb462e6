"""What a resume from a checkpoint would do."""
