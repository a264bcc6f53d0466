"""Hashes are 32 bytes in internal byte order in every message; people are shown the reverse."""


def display(internal_bytes: bytes) -> str:
    """The hash as explorers and bitcoin-cli show it."""
    return internal_bytes[::-1].hex()


def internal(display_hex: str) -> bytes:
    """The bytes of a hash that is written as explorers show it.

    Raises ValueError unless it is 64 hexadecimal digits.
    """
    if len(display_hex) != 64:
        raise ValueError(f"a hash has 64 hexadecimal digits, not {len(display_hex)}")
    return bytes.fromhex(display_hex)[::-1]
