"""Faults of the libraries that a service has anyway, each module for one of them: see docs/integrations.md.

Nothing is imported here: a module imports the library that it is for.
"""
