"""Manifests: reads CSV or Parquet into validated rows and problems; makes manifests from folders and sweeps."""
