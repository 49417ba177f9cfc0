"""Result files of programs that send requests to a server: nothing is started here, results are compared.

Each module reads the files of one program and maps the numbers with the meaning of a metric of
`runner.metrics`. The engine of the runs is the name of the program, which the registry does not have.
"""
