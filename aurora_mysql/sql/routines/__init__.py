"""Stored programs: procedures, functions and triggers, interpreted over the statement executor."""
