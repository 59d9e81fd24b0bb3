"""Encryption at rest: keys and who keeps them, and the ciphers of records, chunks and files."""
