"""The commands of `stylize` other than `run` and `plan`, one file each, and what they share."""
