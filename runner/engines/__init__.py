"""What can be benchmarked: one folder an engine, what engines share, and the registry of them."""
