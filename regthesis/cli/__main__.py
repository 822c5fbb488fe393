"""`python -m regthesis.cli`."""

from regthesis.cli import main

main()
