"""Pure domain logic: no Dagster, SQL, clock, randomness or I/O."""
