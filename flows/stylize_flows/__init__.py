"""Prefect on top of `stylize_core`: the flow, where chunks run, the command line. No numerics, no file formats."""
