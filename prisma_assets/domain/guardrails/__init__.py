"""What keeps agents and their records safe. Acting on a verdict does not belong here."""
