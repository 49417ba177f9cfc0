"""Small helpers without knowledge of runs: folders, user errors, files, processes, formatting, locks."""
