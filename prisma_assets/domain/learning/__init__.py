"""Learning from what people say about the work of agents. Storing does not belong here."""
