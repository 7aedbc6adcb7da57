"""Networks run on data, in parts that fit into memory, for evaluation and training.

`evaluate` has the methods predict, counts and evaluate of `Sequential`. `parts` splits a batch by the memory that
`estimate` predicts. `guide` names rows of the guide in messages.
"""
