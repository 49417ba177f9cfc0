"""Running a plan detached from every terminal.

- Process: `launch` starts the supervisor, `supervisor` runs the plan, `stage` and `stage_process` run one
  stage, `cause` says why it failed, `hook` starts the command of the user at the end.
- Events: `collector` (records and output of a stage), `gpu_readings`, `heartbeat`; `run_log` writes them.
- Files: `disk_sync`, `raw_output` (its limit), `directory_watch`.
- Nodes of a run on several machines: `nodes` has an agent for each, and the supervisor's link to them;
  `run_nodes` is what the supervisor sees of them.
- Jobs of Slurm: `batch` and `shared_job` are their programs, `job` is what Slurm says of one.
- Exclusive use of GPUs: `device_turn` waits for `runner.run.device_locks`.
"""
