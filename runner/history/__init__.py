"""All runs of this machine.

- Read and list: `reader` (with `index`, `run_entry`, `disk_usage`), `query`, `ordering`, `trend`, `run_list`
  (text and JSON), `lookup` (find a run by name), `reports` (the report of a run), `run_feed` (follow a run).
- What people add: `labels` (names, tags, notes), `baseline`, `trash`.
- Sweeps: `sweep_lookup` (find one by name), `sweep_fold` (its runs as one row).
- End a run: `stop` (running), `recovery` with `unlogged` (its supervisor died), `job_watch` (Slurm ended it).
- Check a run: `verification`.
"""
