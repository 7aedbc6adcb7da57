"""The network: what data it takes, its passes, its definition, its file and its table; nothing of training."""
