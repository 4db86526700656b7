"""Watching the fleet: what is unusual about a series of measurements, and whether it is worth a person's time."""
