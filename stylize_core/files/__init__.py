"""Files that exist completely or not at all: on a local disk, in an object store, or as an input anywhere."""
