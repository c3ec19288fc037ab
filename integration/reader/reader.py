"""Opens a picture of any mode, written from docs/format.md alone.

    reader.py PICTURE OUT --key HEX
    reader.py PICTURE OUT --passphrase-file FILE

Prints the file name inside. Exit code 0, or 1 with one word: converted, nothing, version, damaged.
"""

import argparse
import hmac
import math
import struct
import sys
import zlib

import argon2.low_level
import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from PIL import Image

LIMIT_BYTES = 64 << 20
PIECE_BYTES = 65_536
TAG_BYTES = 16
START_BYTES = 112


class Refused(Exception):
    pass


def lowest_first(bits):
    """Bytes from bits, the lowest bit of each byte first."""
    whole = len(bits) // 8
    out = bytearray(whole)
    for bit in range(8):
        for at, value in enumerate(bits[bit : whole * 8 : 8]):
            out[at] |= value << bit
    return bytes(out)


def fast(samples):
    return lowest_first([sample & 1 for sample in samples])


def ternary(samples):
    bits = []
    for at in range(0, len(samples) // 12 * 12, 12):
        number = sum(sample % 3 * 3**i for i, sample in enumerate(samples[at : at + 12]))
        bits.extend(number >> k & 1 for k in range(19))
    return lowest_first(bits)


def compact(low):
    return lowest_first([byte >> k & 1 for byte in low for k in range(7)])


class Stream:
    """The keystream of a key and a nonce."""

    def __init__(self, key, nonce):
        self.cipher = Cipher(ChaCha20(key, bytes(4) + nonce), mode=None).encryptor()

    def draw(self, size):
        return self.cipher.update(bytes(size))


class Covert:
    """What a picture carries for one key."""

    def __init__(self, samples, key):
        place_key = blake3.blake3(key, derive_key_context="pentimento 1 covert places").digest()
        n = len(samples)
        stride = max(1, n * 618033988750 // 10**12)
        while math.gcd(stride, n) != 1:
            stride += 1
        place = int.from_bytes(Stream(place_key, b"stego place1").draw(8), "little") % n
        self.bits = [samples[(place + i * stride) % n] & 1 for i in range(n)]
        self.codes = Stream(place_key, b"stego codes1")
        self.head_samples = min(n // 4, 32768)
        self.head = self.section(self.bits[: self.head_samples], 128)

    def bytes(self, size):
        if size <= 128:
            return self.head[:size]
        return self.head + self.section(self.bits[self.head_samples :], size - 128)

    def section(self, bits, size):
        m = size * 8
        group = max(1, len(bits) // m // 20)
        count = len(bits) // group
        if count < m:
            raise Refused("damaged" if size != 128 else "nothing")
        carrying = [sum(bits[i * group : (i + 1) * group]) & 1 for i in range(count)]
        columns = self.columns(-(-count // m))
        message = [0] * m
        for b in range(m):
            first, end = b * count // m, (b + 1) * count // m
            part_end = min(m, b // 256 * 256 + 256)
            for column, bit in zip(columns, carrying[first:end]):
                for row in range(8 if bit else 0):
                    if column >> row & 1 and b + row < part_end:
                        message[b + row] ^= 1
        return lowest_first(message)

    def columns(self, count):
        columns = []
        while len(columns) < count:
            middle = int.from_bytes(self.codes.draw(4), "little") % 64
            column = 129 + 2 * middle
            if column not in columns[len(columns) // 64 * 64 :]:
                columns.append(column)
        return columns


def low_bytes(file):
    """The low bytes of a PNG of 16 bits a sample, which Pillow would drop."""
    width, height = struct.unpack(">II", file[16:24])
    packed, at = b"", 8
    while at < len(file):
        (size,) = struct.unpack(">I", file[at : at + 4])
        if file[at + 4 : at + 8] == b"IDAT":
            packed += file[at + 8 : at + 8 + size]
        at += size + 12
    rows, stride = zlib.decompress(packed), width * 6
    above, low = bytearray(stride), bytearray()
    for y in range(height):
        kind, row = rows[y * (stride + 1)], bytearray(rows[y * (stride + 1) + 1 :][:stride])
        for x in range(stride):
            a, c = (row[x - 6], above[x - 6]) if x >= 6 else (0, 0)
            row[x] = (row[x] + predicted(kind, a, above[x], c)) & 255
        low += row[1::2]
        above = row
    return bytes(low)


def predicted(kind, a, b, c):
    """PNG specification, 9.2: left, above, and above left."""
    if kind < 4:
        return (0, a, b, (a + b) // 2)[kind]
    return min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]


def candidates(picture, key):
    """What the picture carries in each mode, as a function of how many bytes are wanted."""
    with open(picture, "rb") as file:
        whole = file.read()
    image = Image.open(picture)
    if image.format != "PNG" or image.mode != "RGB" or "transparency" in image.info:
        raise Refused("converted")
    if whole[24] == 16:
        return [compact(low_bytes(whole)).__getitem__]
    samples = image.tobytes()
    found = [bytes_of(samples).__getitem__ for bytes_of in (fast, ternary)]
    if key and len(samples) >= 40960:
        covert = Covert(samples, key)
        found.append(lambda wanted: covert.bytes(wanted.stop))
    return found


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


def content(take, size, key):
    body = take(slice(0, size))[START_BYTES:]
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


def opened(take, kind, stretch):
    container = take(slice(0, START_BYTES))
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
    plain = content(take, size, body_key)
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


def opened_in_any_mode(picture, key, kind, stretch):
    for take in candidates(picture, key):
        try:
            return opened(take, kind, stretch)
        except Refused as refused:
            if str(refused) != "nothing":
                raise
    raise Refused("nothing")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("picture")
    parser.add_argument("out")
    secret = parser.add_mutually_exclusive_group(required=True)
    secret.add_argument("--key")
    secret.add_argument("--passphrase-file")
    wanted = parser.parse_args()
    key = None
    if wanted.key:
        key = bytes.fromhex(wanted.key)
        kind, stretch = "key", lambda salt: key
    else:
        with open(wanted.passphrase_file, "rb") as file:
            line = file.readline().rstrip(b"\r\n")
        kind, stretch = "passphrase", stretched(line)
    try:
        name, original = opened_in_any_mode(wanted.picture, key, kind, stretch)
    except Refused as refused:
        print(refused)
        return 1
    with open(wanted.out, "wb") as file:
        file.write(original)
    print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
