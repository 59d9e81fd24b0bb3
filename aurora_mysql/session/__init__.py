"""The session layer: MySQL's wire protocol, logins, commands and results, for one instance."""
