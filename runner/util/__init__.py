"""Small helpers without knowledge of runs: user errors, files, processes, formatting, locks, foreign text."""
