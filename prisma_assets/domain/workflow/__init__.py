"""Workflow templates and the state machine of an execution."""
