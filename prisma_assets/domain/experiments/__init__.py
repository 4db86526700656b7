"""Experiments that may be watched all day: design, assignment, inference that stays right at every look, verdicts."""
