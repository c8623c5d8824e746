"""What the machine gives: folders, child processes, files written whole, locks."""
