"""One chunk on one device: load, optimise, commit."""
