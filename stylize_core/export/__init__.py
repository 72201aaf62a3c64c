"""Data sets out of a store: class trees, WebDataset shards, Parquet; each image with all that made it."""
