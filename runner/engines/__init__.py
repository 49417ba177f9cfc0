"""The systems that can be benchmarked: a folder for each engine, shared modules, and the registry.

`interface` says what an engine provides, `registry` finds engines by name.
"""
