"""Opens a picture of the fast mode, written from docs/format.md alone.

    reader.py PICTURE OUT --key HEX
    reader.py PICTURE OUT --passphrase-file FILE

Prints the file name inside. Exit code 0, or 1 with one word: converted, nothing, version, damaged.
"""

import argparse
import hmac
import struct
import sys
import zlib

import argon2.low_level
import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from PIL import Image

LIMIT_BYTES = 64 << 20
PIECE_BYTES = 65_536
TAG_BYTES = 16
START_BYTES = 112


class Refused(Exception):
    pass


def carried(picture):
    """The bytes in the lowest bits of the samples."""
    image = Image.open(picture)
    if image.format != "PNG" or image.mode != "RGB" or "transparency" in image.info:
        raise Refused("converted")
    samples = image.tobytes()
    low = samples.translate(bytes(value & 1 for value in range(256)))
    whole = len(low) // 8
    # As a number in base 256 of which each digit is a bit; eight of them become a byte.
    carried = bytearray(whole)
    for bit in range(8):
        for at, value in enumerate(low[bit : whole * 8 : 8]):
            carried[at] |= value << bit
    return bytes(carried)


def keys(kind, secret, salt):
    hasher = blake3.blake3(secret + salt, derive_key_context=f"pentimento container, {kind}")
    output = hasher.digest(length=96)
    return output[:32], output[32:64], output[64:]


def unsealed(key, nonce, sealed):
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, None)
    except InvalidTag:
        raise Refused("damaged") from None


def expect(holds):
    if not holds:
        raise Refused("damaged")


def content(container, size, key):
    body = container[START_BYTES:size]
    expect(len(body) == size - START_BYTES and body)
    pieces = [
        body[at : at + PIECE_BYTES + TAG_BYTES]
        for at in range(0, len(body), PIECE_BYTES + TAG_BYTES)
    ]
    expect(len(pieces[-1]) > TAG_BYTES)
    plain = bytearray()
    for number, piece in enumerate(pieces):
        last = bytes([number == len(pieces) - 1])
        plain += unsealed(key, number.to_bytes(11, "big") + last, piece)
    return bytes(plain)


def unpacked(data, size):
    stream = zlib.decompressobj()
    try:
        original = stream.decompress(data, size + 1)
    except zlib.error:
        raise Refused("damaged") from None
    expect(stream.eof and not stream.unused_data)
    return original


def opened(container, kind, stretch):
    if len(container) < START_BYTES:
        raise Refused("nothing")
    salt, claimed = container[:32], container[32:64]
    commitment, head_key, body_key = keys(kind, stretch(salt), salt)
    if not hmac.compare_digest(commitment, claimed):
        raise Refused("nothing")
    head = unsealed(head_key, bytes(12), container[64:START_BYTES])
    if head[0] > 2:
        raise Refused("version")
    expect(head[0] == 2 and head[1] in (0, 1) and head[4:8] == bytes(4))
    (rights_bytes,) = struct.unpack("<H", head[2:4])
    data_bytes, original_bytes, size = struct.unpack("<QQQ", head[8:32])
    expect(max(data_bytes, original_bytes, size) <= LIMIT_BYTES)
    plain = content(container, size, body_key)
    data_end = rights_bytes + data_bytes
    expect(len(plain) >= data_end + 32)
    rights, data = plain[:rights_bytes], plain[rights_bytes:data_end]
    digest, padding = plain[data_end : data_end + 32], plain[data_end + 32 :]
    expect(not any(padding))
    original = unpacked(data, original_bytes) if head[1] else data
    expect(len(original) == original_bytes)
    expect(blake3.blake3(original).digest() == digest)
    expect(len(rights) >= 85 and rights[64] in (0, 1))
    return rights[85:].decode(), original


def stretched(passphrase):
    def stretch(salt):
        return argon2.low_level.hash_secret_raw(
            secret=passphrase,
            salt=salt,
            time_cost=1,
            memory_cost=65_536,
            parallelism=1,
            hash_len=32,
            type=argon2.low_level.Type.ID,
            version=0x13,
        )

    return stretch


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("picture")
    parser.add_argument("out")
    secret = parser.add_mutually_exclusive_group(required=True)
    secret.add_argument("--key")
    secret.add_argument("--passphrase-file")
    wanted = parser.parse_args()
    if wanted.key:
        key = bytes.fromhex(wanted.key)
        kind, stretch = "key", lambda salt: key
    else:
        with open(wanted.passphrase_file, "rb") as file:
            line = file.readline().rstrip(b"\r\n")
        kind, stretch = "passphrase", stretched(line)
    try:
        name, original = opened(carried(wanted.picture), kind, stretch)
    except Refused as refused:
        print(refused)
        return 1
    with open(wanted.out, "wb") as file:
        file.write(original)
    print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
