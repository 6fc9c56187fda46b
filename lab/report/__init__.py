"""Reports: what a person or a program reads of verdicts, steps and matrices.

Everything here draws or serialises values that others made; nothing here asks the oracle to change its mind, brings
up a network, or decides whether voices agree.
"""
