"""The outcome of a run's rows as tables, read from the store for sheets, report, export and trackers."""
