"""States of the past: snapshots, restore to a time, clones, export and import, backtrack."""
