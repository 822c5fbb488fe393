"""What the thesis printed, what was computed, and the verdict on the two; errata as code, and the scorecard."""

from regthesis.book.ledger.printed import Entry, entry, load
from regthesis.book.ledger.verdicts import BESIDE, SUBSET, VERDICTS, Verdict, agrees, check, claim, read, redrawn

__all__ = [
    "BESIDE",
    "SUBSET",
    "VERDICTS",
    "Entry",
    "Verdict",
    "agrees",
    "check",
    "claim",
    "entry",
    "load",
    "read",
    "redrawn",
]
