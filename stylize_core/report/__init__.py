"""The report of a run, one HTML page made from the store alone, and the page that compares two runs."""
