from __future__ import annotations

from collections.abc import Callable

import pytest

from brownout.harness.pii import checksums

# Published examples: card networks' test numbers, ISO 13616, INSEE, the German tax office, NHS, GKV, My Number.
KNOWN = [
    (checksums.luhn, "4111111111111111"),
    (checksums.luhn, "378282246310005"),
    (checksums.iban, "DE89370400440532013000"),
    (checksums.iban, "GB82 WEST 1234 5698 7654 32"),
    (checksums.nir, "255081416802538"),
    (checksums.steuer_id, "86095742719"),
    (checksums.my_number, "123456789018"),
    (checksums.nhs, "943 476 5919"),
    (checksums.kvnr, "A123456780"),
]


@pytest.mark.parametrize(("valid", "number"), KNOWN)
def test_a_published_number_is_valid_and_no_typing_error_of_it_is(valid: Callable[[str], bool], number: str) -> None:
    """
    The check digits of a published example are right, and wrong as soon as its last digit is another.
    """
    others = [number[:-1] + digit for digit in "0123456789" if digit != number[-1]]

    assert valid(number)
    assert not any(map(valid, others))


def test_a_number_that_no_digit_completes_has_no_check_digit() -> None:
    """
    What no digit completes is not completed; what one does is.
    """
    assert "4111111111111111" == checksums.completed("411111111111111", checksums.luhn)
    assert checksums.completed("1", lambda number: False) is None


def test_a_check_digit_of_ten_is_never_given_out() -> None:
    """
    A patient's number whose check digit would be ten is no number.
    """
    assert checksums.completed("400000008", checksums.nhs) is None
    assert checksums.completed("943476591", checksums.nhs) == "9434765919"
