"""From a manifest and a store to what a run will do: jobs, chunks, forecast."""
