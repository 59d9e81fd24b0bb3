"""The differential rig: statements on us and on a reference server, and what differs."""
