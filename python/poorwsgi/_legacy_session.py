"""The cipher of PoorSession up to PoorWSGI 2.8, to read its cookies.

Python and not Rust, because the format is made of Python's own generator of random numbers, and of the modules that
compress. Nothing here is safe for new data: every cookie is sealed with the same stream.
"""
import hmac
from base64 import b64decode, b64encode
from hashlib import shake_256
from itertools import cycle
from random import Random

KEYSTREAM_SIZE = 1024


def hidden(text: str | bytes, secret_hash: bytes) -> bytes:
    """The bytes of text, each xor that of the secret hash at its place; the hash starts again at its end.

    Of no use but for old cookies. An empty hash is a ValueError.
    """
    if not secret_hash:
        raise ValueError("the secret hash is empty")
    data = text.encode("utf-8") if isinstance(text, str) else text
    return bytes(byte ^ key for byte, key in zip(data, cycle(secret_hash)))


def encrypt(data: bytes, table: bytearray) -> bytes:
    """data with each byte replaced by that of the table at its place. Of no use but for old cookies."""
    return bytes(table[byte] for byte in data)


def decrypt(data: bytes, table: bytearray) -> bytes:
    """What encrypt() made the data of, with the same table. Of no use but for old cookies."""
    back = {byte: at for at, byte in enumerate(table)}
    return bytes(back[byte] for byte in data)


def unseal(value, secrets, compress):
    """The JSON text in an old cookie that one of the secrets made. ValueError for any other."""
    parts = value.split(".")
    if len(parts) != 2:
        raise ValueError("not payload and signature")
    payload, signature = map(_strict, parts)
    for secret in secrets:
        mac_key = shake_256(b"mac\x00" + secret).digest(32)
        if hmac.compare_digest(hmac.digest(mac_key, payload, "sha256"), signature):
            break
    else:
        raise ValueError("another signature")
    table = bytearray(range(256))
    Random(shake_256(b"perm\x00" + secret).digest(32)).shuffle(table)
    if compress is not None:
        payload = compress.decompress(payload)
    return hidden(decrypt(payload, table), shake_256(b"ks\x00" + secret).digest(KEYSTREAM_SIZE))


def _strict(text):
    # The decoder of the standard library passes over what does not belong there.
    data = b64decode(text, validate=True)
    if b64encode(data).decode() != text:
        raise ValueError("another spelling of base64")
    return data
