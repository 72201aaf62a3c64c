"""The commands of `stylize` beside `run` and `plan`, one file each, and what they share."""
