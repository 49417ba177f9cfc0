"""The engine `trtllm-bench`: NVIDIA's benchmark of requests in flight, 0.14 to 1.2."""
