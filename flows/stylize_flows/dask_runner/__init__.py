"""Chunks on several devices and machines: a Dask cluster, what runs on its workers, and handling of lost ones."""
