"""What people see: the same words on a terminal, in Markdown and as JSON."""
