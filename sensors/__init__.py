"""Sensors and schedules: they watch and ask, they never write business state."""
