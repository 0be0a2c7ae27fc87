"""What becomes of events: lines of JSON, words, log records, the records of runs."""
