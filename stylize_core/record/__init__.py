"""What became of the rows of a run, as tables: read from the store, for sheets, report, export and trackers."""
