"""A run for other programs and other people: files in formats that they read.

One module a format; each has `write(subject, out)`, which takes what `runner.export.run_data` knows of a run.
Nothing here changes a run.
"""
