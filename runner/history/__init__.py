"""All runs of this machine.

- Read and list: `reader` (with `index`, `run_entry`, `disk_usage`), `query`, `ordering`, `trend`, `run_list`
  (text and JSON), `lookup` (find a run by name), `reports` (the report of a run), `run_feed` (follow a run).
- What people add: `labels` (names, tags, notes), `baseline`, `trash`.
- End a run: `stop` (running), `recovery` (its supervisor died).
"""
