"""Measures Dalston from outside: word errors, word times and speed against known truth.

Nothing here imports the product, so a fault in it cannot hide in its own measurement.
"""
