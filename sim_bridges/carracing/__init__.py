"""Gymnasium's CarRacing."""
