"""Runs the steps of an execution, once each, whatever process asks; knows no Dagster."""
