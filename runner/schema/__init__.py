"""The structs of a profile that all engines share, and the checks of keys, types and values."""
