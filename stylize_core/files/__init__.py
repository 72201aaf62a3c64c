"""Files that are whole or not there at all: on a local disk, in an object store, or as an input anywhere."""
