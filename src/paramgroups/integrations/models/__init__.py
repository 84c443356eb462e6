"""Models of hosts, by name, without their weights; one file for each host."""
