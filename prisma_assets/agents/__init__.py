"""The firm's agents: cards, registry, gateway and providers."""
