"""Typed Dagster configuration that builds the plain objects of the product."""
