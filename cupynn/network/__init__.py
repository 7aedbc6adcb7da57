"""The network, without training. Users make a `Sequential` (cupynn/sequential.py), which adds training to it.

`network` has the passes, `inputs` checks what data a network takes, `foreign` reads datasets of other frameworks,
`definition` is a network as plain tables, `storage` its file, `summary` its table. Import from these modules.
"""
