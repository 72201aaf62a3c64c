"""Contact sheets of a run: JPEG pages with an index."""
