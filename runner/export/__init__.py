"""Export runs to files for other programs and other people.

There is one module per format, with a function `write(data, out)`; `data` is a `RunData`. An export never
changes a run.
"""
