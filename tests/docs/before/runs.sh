# Two runs, the latest with a file of its events.
dlcore run sequence.xml --config deployment.toml
dlcore run sequence.xml --config deployment.toml --events ndjson --events-file run.ndjson
