"""Jobs of the workload manager Slurm: their scripts, submission, place in the queue, and end."""
