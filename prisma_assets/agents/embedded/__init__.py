"""The audit's procedures as an agent provider: the same work every time, without a language model."""
