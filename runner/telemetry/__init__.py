"""Reading the GPUs: a process of its own that calls NVML, and what the others make of its records.

`process`, `sampler`, `nvml`, `pace`, `costs` and `reasons` run in that process and import nothing but the
standard library and pynvml; `watch`, `state` and `measured` run in the supervisor and in every reader.
"""
