"""Networks on data, in batches that fit into memory.

`evaluate` has what `Sequential` offers as predict, counts and evaluate; `parts` decides when a batch is split.
"""
