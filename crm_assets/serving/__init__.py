"""The REST API: stored answers of the batch, and fresh predictions by the same model and features."""
