"""The client of Docker registries and what we make of it; imported only where a registry is asked."""
