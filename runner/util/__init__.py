"""Small helpers without knowledge of runs: files, processes, formatting, locks, foreign text."""
