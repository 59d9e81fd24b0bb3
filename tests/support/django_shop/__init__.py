"""A small Django application, for tests."""
