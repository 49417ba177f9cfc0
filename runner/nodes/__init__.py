"""What runs on every node of a run that uses several machines."""
