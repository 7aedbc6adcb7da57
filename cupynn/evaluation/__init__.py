"""Running networks on data, in parts that fit into memory, for evaluation and for training.

`evaluate` has what `Sequential` offers as predict, counts and evaluate; `parts` decides when a batch is
split, by what `estimate` says of the memory that it takes.
"""
