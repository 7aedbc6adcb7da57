"""The network, without training: `Sequential`, above the training room, is what users make.

`network` has the passes, `inputs` checks what data a network takes, `foreign` reads datasets of other frameworks,
`definition` is a network as plain tables, `storage` its file, `summary` its table. Import from these modules.
"""
