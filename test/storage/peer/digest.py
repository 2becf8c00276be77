"""CRC32C and CRC-64/NVME in plain Python, and digests as the providers write them.

Independent of the code under test on purpose: a peer that judged a client's digests with the client's own arithmetic
would prove nothing. Large bodies are folded as big integers first: with M(x) = F(x) x^k + L(x), F(x) (x^k mod P) + L(x)
has the same remainder and half the length, and costs one shift and XOR per set bit of the factor. That runs at
memory speed inside the interpreter; the last kilobyte goes through a table.
"""
import base64
import functools
import hashlib
import struct


class Crc:
    """A reflected CRC of `width` bits, starting and ending with all ones."""

    def __init__(self, width, polynomial):
        self.width = width
        self.ones = (1 << width) - 1
        self.normal = self.reflected(polynomial)
        self.factors = {}
        self.table = []
        # A part is judged when it comes, and told again when the object appears.
        self.known = functools.lru_cache(maxsize=16)(self.compute)
        for value in range(256):
            for _ in range(8):
                value = (value >> 1) ^ polynomial if value & 1 else value >> 1
            self.table.append(value)

    def times(self, a, b):
        """a * b mod P, bit i standing for x^i."""
        product = 0
        while b:
            if b & 1:
                product ^= a
            b >>= 1
            a <<= 1
            if a >> self.width:
                a = (a & self.ones) ^ self.normal
        return product

    def power(self, power):
        """x^power mod P."""
        result, square = 1, 2
        while power:
            if power & 1:
                result = self.times(result, square)
            square = self.times(square, square)
            power >>= 1
        return result

    def factor(self, power):
        """The shifts that multiply a reflected number by x^power mod P."""
        if power not in self.factors:
            result = self.power(power)
            self.factors[power] = [self.width - 1 - i for i in range(self.width) if result >> i & 1]
        return self.factors[power]

    def reflected(self, number):
        return int(format(number, f"0{self.width}b")[::-1], 2)

    def joined(self, pieces):
        """The CRC of pieces behind each other, of which each tells its CRC and its length in bytes."""
        crc = 0
        for value, length in pieces:
            crc = self.reflected(self.times(self.reflected(crc), self.power(8 * length))) ^ value
        return crc

    def __call__(self, data):
        return self.known(bytes(data))

    def compute(self, data):
        if len(data) <= 2048:
            crc = self.ones
        else:
            crc, data = 0, self.fold(data)
        for value in data:
            crc = self.table[(crc ^ value) & 255] ^ (crc >> 8)
        return crc ^ self.ones

    def fold(self, data):
        bits = len(data) * 8
        message = int.from_bytes(data, "little") ^ self.ones
        while bits > 8192:
            low = (bits // 2 + self.width + 7) // 8 * 8
            high = bits - low
            first = message & ((1 << high) - 1)
            product = 0
            for shift in self.factor(low):
                product ^= first << shift
            message = (message >> high) ^ (product << (low - (high + self.width - 1)))
            bits = low
        return message.to_bytes(bits // 8, "little")


crc32c = Crc(32, 0x82F63B78)
crc64nvme = Crc(64, 0x9A6C9329AC4BC9B5)


def b64(data):
    return base64.b64encode(data).decode()


def b64_decode(text):
    """Bytes of strict base64, None when it is malformed."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def crc32c_b64(data):
    """As GCS and S3 write it: big-endian."""
    return b64(struct.pack(">I", crc32c(data)))


def crc32c_joined_b64(pieces):
    """That of pieces behind each other, by their own, as written, and their lengths: a large object takes minutes in plain Python."""
    return b64(struct.pack(">I", crc32c.joined((struct.unpack(">I", b64_decode(text))[0], length) for text, length in pieces)))


def crc64nvme_b64(data):
    """As S3 writes it: big-endian."""
    return b64(struct.pack(">Q", crc64nvme(data)))


def crc64_azure_b64(data):
    """As Azure writes it: little-endian."""
    return b64(struct.pack("<Q", crc64nvme(data)))


def md5_b64(data):
    return b64(hashlib.md5(data).digest())


def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()
