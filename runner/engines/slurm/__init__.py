"""The workload manager Slurm: srun; jobs: their scripts, submission, place in the queue, and end."""
