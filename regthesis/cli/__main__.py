"""`python -m regthesis.cli`."""

from regthesis.cli import main

if __name__ == "__main__":
    main()
