"""Which partition a household lives in: murmur2 as Apache Kafka's Java client and kafka-python hash."""

from typing import Final

_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """32-bit murmur2 with Kafka's seed, as an unsigned number.

    Source: org.apache.kafka.common.utils.Utils.murmur2.
    """
    length = len(data)
    h = (0x9747B28C ^ length) & _MASK
    for i in range(0, length - length % 4, 4):
        k = int.from_bytes(data[i : i + 4], "little")
        k = (k * _M) & _MASK
        k ^= k >> 24
        k = (k * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
    tail = data[length - length % 4 :]
    if tail:
        h ^= int.from_bytes(tail, "little")
        h = (h * _M) & _MASK
    h ^= h >> 13
    h = (h * _M) & _MASK
    return h ^ (h >> 15)


def partition_of(household: str | bytes, partitions: int) -> int:
    """Return the partition that holds everything about a household.

    librdkafka's default partitioner differs: with it one person's phone and sensors would part.
    """
    key = household.encode() if isinstance(household, str) else household
    return (murmur2(key) & 0x7FFFFFFF) % partitions
