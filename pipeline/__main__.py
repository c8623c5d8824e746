"""`python -m pipeline <verb>` is `tollgate <verb>`."""

from pipeline.cli import main

main()
