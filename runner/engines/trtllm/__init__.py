"""The engine `trtllm`: convert or quantize, build, smoke run and benchmark.py of 0.12 to 0.19."""
