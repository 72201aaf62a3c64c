"""A run from options to report, and a partition of one in another process."""
