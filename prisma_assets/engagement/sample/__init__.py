"""The sample engagement: a fictional company on real reported figures, its books made from a seed."""
