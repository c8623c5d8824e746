"""What was found out about a release: results of checks, bound to its digest."""
