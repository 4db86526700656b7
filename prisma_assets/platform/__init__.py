"""The Python API of the specification, and what runs workflows for it."""
