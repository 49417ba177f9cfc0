"""Reading the GPUs: a separate process that calls NVML, and the monitor that runs it.

`process`, `sampler`, `nvml`, `gpm`, `pace`, `costs` and `nvml_errors` run in that process and need only the
standard library and pynvml; `monitor` and `gpu_registry` run in the supervisor.
"""
