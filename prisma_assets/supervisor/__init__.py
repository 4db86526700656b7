"""Starts, watches and stops the processes behind the web address. What they compute does not belong here."""
