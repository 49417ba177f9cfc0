"""Reading the GPUs: a separate process that calls NVML, and the monitor that runs it.

- In that process: `process`, `sampler`, `backend`, `nvml`, `gpm`, `nvml_errors`, `costs`, `reading_schedule`,
  `process_tables` and `process_identity`. Of packages they need msgspec and pynvml only.
- In the supervisor: `monitor`, `gpu_registry`, and `host` for the load of the machine.
- Once, before a run: `survey`.
"""
