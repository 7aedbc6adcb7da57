"""Networks on data: classes, counts, accuracy and activity, in batches that fit into memory."""
