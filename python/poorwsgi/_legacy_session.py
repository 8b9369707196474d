"""The cipher of PoorSession up to PoorWSGI 2.8, to read its cookies.

Written in Python, because the format depends on Python's random number generator and compression modules. Not
safe for new data: every cookie is encrypted with the same keystream.
"""
import hmac
from base64 import b64decode, b64encode
from hashlib import shake_256
from itertools import cycle
from random import Random

KEYSTREAM_SIZE = 1024


def hidden(text: str | bytes, secret_hash: bytes) -> bytes:
    """The bytes of text XOR the bytes of the secret hash, which is repeated.

    Only for old cookies. Raises ValueError for an empty hash.
    """
    if not secret_hash:
        raise ValueError("the secret hash is empty")
    data = text.encode("utf-8") if isinstance(text, str) else text
    return bytes(byte ^ key for byte, key in zip(data, cycle(secret_hash)))


def encrypt(data: bytes, table: bytearray) -> bytes:
    """Replaces each byte of data with the table's entry for it. Only for old cookies."""
    return bytes(table[byte] for byte in data)


def decrypt(data: bytes, table: bytearray) -> bytes:
    """Reverses encrypt() with the same table. Only for old cookies."""
    back = {byte: at for at, byte in enumerate(table)}
    return bytes(back[byte] for byte in data)


def unseal(value, secrets, compress):
    """The JSON text in an old cookie that was encrypted with one of the secrets. Raises ValueError for any
    other value."""
    parts = value.split(".")
    if len(parts) != 2:
        raise ValueError("the cookie is not a payload with a signature")
    payload, signature = map(_strict, parts)
    for secret in secrets:
        mac_key = shake_256(b"mac\x00" + secret).digest(32)
        if hmac.compare_digest(hmac.digest(mac_key, payload, "sha256"), signature):
            break
    else:
        raise ValueError("the signature does not fit the data and the secret key")
    table = bytearray(range(256))
    Random(shake_256(b"perm\x00" + secret).digest(32)).shuffle(table)
    if compress is not None:
        payload = compress.decompress(payload)
    return hidden(decrypt(payload, table), shake_256(b"ks\x00" + secret).digest(KEYSTREAM_SIZE))


def _strict(text):
    # b64decode accepts several spellings of the same bytes.
    data = b64decode(text, validate=True)
    if b64encode(data).decode() != text:
        raise ValueError("the cookie is not in the one spelling of base64")
    return data
