"""Engagement folders: a client's books read into the audit data standard's tables."""
