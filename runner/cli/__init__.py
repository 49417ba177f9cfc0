"""The commands of `trtbench-tui`, a module a family; each has `add(commands)`, which adds its parsers.

Light to import: what a command needs it imports when it runs.
"""
