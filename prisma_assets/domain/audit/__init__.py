"""Audit procedures and the workpapers they leave."""
