"""Runs of other machines, through `ssh HOST trtbench-tui serve-stdio` as one stream; no port, no daemon.

The other machine sends what its runs write, by byte offset (`run_source`, `service`, `stdio`); this one keeps
it as run directories that are read like its own (`mirror`), over connections that may be cut at any byte
(`remote_host`, `link`, `fleet`).
"""
