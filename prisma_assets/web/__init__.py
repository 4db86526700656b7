"""One ASGI application: our pages first, the Dagster UI mounted behind."""
