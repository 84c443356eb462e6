"""What training tells while it runs."""
