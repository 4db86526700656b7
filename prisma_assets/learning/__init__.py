"""Use cases of the learning loop and of monitoring: facts read through a store, judged by the domain, written as rows. No Dagster."""
