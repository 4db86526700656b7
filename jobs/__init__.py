"""Workflow templates compiled to Dagster jobs."""
