"""What everything stands on: object names, errors, the clock, configuration, progress. Imports nothing of ours."""
