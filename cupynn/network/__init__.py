"""The network without training, which `Sequential` (cupynn/sequential.py) adds.

`network` has the passes, `inputs` checks the data, `foreign` reads datasets of other frameworks, `definition` describes a
network as plain tables, `storage` writes its file and `summary` prints its table. Import from these modules.
"""
