"""One file for each host; each imports its host itself."""
