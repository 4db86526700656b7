"""The firm's AI agents orchestrated, watched, improved and kept safe: a Dagster project."""
