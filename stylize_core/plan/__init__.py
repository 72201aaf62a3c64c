"""Plans a run from a manifest and a store: jobs, chunks, forecast."""
