"""A run's figures for TensorBoard and Weights & Biases: aggregated, read from the store alone."""
