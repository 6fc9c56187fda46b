"""The command line: one module for each command, found by ``main`` when it is asked for.

Commands parse, call and print; they decide nothing. What an exit status means is said in ``status`` alone.
"""
