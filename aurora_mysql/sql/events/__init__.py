"""Events: statements that run by themselves, on the writer."""
