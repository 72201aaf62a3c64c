"""Manifests: CSV or Parquet in, validated rows and problems out; new manifests from folders, sweeps and settings."""
