"""Running a plan detached from every terminal.

- Process: `launch` starts the supervisor, `supervisor` runs the plan, `stage` runs one stage, `hook` starts
  the command of the user at the end.
- Events: `collector` (records and output of a stage), `heartbeat`, `host`; `run_log` writes them.
- Nodes of a run on several machines: `nodes` has an agent for each, and the supervisor's link to them.
- Exclusive use of GPUs: `runner.run.device_locks`.
"""
