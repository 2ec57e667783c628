"""A receipt as its holder types it: which hash opens a report, and how slowly wrong ones are answered."""

from services.intake.report.receipt import hash_receipt
from shared.brake import Brake
from shared.problems import FieldError, FieldsWrong, Problem


class Receipts:
    """Reads receipts; of each kind of report's holder there is one, with a brake of its own."""

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper
        self._brake = Brake("receipt")

    def hash(self, receipt: str) -> bytes:
        """The hash of a receipt. Raises Problem 422 for a text that is none."""
        try:
            return hash_receipt(self._pepper, receipt)
        except ValueError:
            error = FieldError("/receipt", "not_a_receipt", "A receipt has 20 letters and digits.")
            raise FieldsWrong([error]) from None

    async def refused(self) -> Problem:
        """The problem of a receipt that opens nothing, after a while that grows with how many were wrong."""
        await self._brake.hold()
        return receipt_unknown()


def receipt_unknown() -> Problem:
    """The problem of a receipt that opens nothing."""
    return Problem(404, "receipt-unknown", "No report belongs to this receipt.")
