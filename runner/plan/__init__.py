"""What a run starts: commands, environment and files, for the supervisor, for a shell and without secrets."""
