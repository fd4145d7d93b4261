"""The check digits by which types of personal data tell a number from a typing error."""

from __future__ import annotations

from collections.abc import Callable
from string import digits


def luhn(number: str) -> bool:
    """Payment cards (ISO/IEC 7812-1)."""
    odd, even = [int(c) for c in number[-1::-2]], [2 * int(c) for c in number[-2::-2]]
    return len(number) > 1 and (sum(odd) + sum(digit - 9 if digit > 9 else digit for digit in even)) % 10 == 0


def iban(account: str) -> bool:
    """Bank accounts (ISO 13616): the number that the letters and digits spell, modulo 97, is 1."""
    compact = account.replace(" ", "")
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def nir(number: str) -> bool:
    """French social security numbers: a key of two digits."""
    compact = number.replace(" ", "")
    return (int(compact[:13]) + int(compact[13:])) % 97 == 0


def steuer_id(number: str) -> bool:
    """German tax ids: ISO/IEC 7064 MOD 11,10."""
    product = 10
    for digit in number[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(number[-1])


def my_number(number: str) -> bool:
    """Japanese individual numbers."""
    weighted = sum(int(digit) * (place + 1 if place <= 6 else place - 5) for place, digit in _from_the_right(number))
    rest = weighted % 11
    return (0 if rest <= 1 else 11 - rest) == int(number[-1])


def nhs(number: str) -> bool:
    """Numbers of British patients: modulo 11; a check digit of ten is never given out."""
    compact = number.replace(" ", "")
    check = 11 - sum(int(digit) * (10 - place) for place, digit in enumerate(compact[:9])) % 11
    return check % 11 == int(compact[9]) if check != 10 else False


def kvnr(number: str) -> bool:
    """Numbers of German patients: a letter and nine digits, weighted 1 and 2 in turn."""
    spelled = f"{ord(number[0]) - 64:02d}{number[1:9]}"
    products = [int(digit) * (1 + place % 2) for place, digit in enumerate(spelled)]
    return sum(sum(map(int, str(product))) for product in products) % 10 == int(number[9])


def completed(stem: str, valid: Callable[[str], bool]) -> str | None:
    """The stem with the check digit that makes it valid; None where no digit does."""
    return next((stem + digit for digit in digits if valid(stem + digit)), None)


def _from_the_right(number: str) -> list[tuple[int, str]]:
    """The digits before the check digit, numbered from the right."""
    return list(enumerate(reversed(number[:-1]), 1))
