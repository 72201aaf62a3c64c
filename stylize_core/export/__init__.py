"""Exports images of a store as a data set: class tree, WebDataset or Parquet, with their inputs and settings."""
