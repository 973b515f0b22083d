-- Every record of the ordered inputs, decoded: what a replay reads. Never a sender's own fields, and of what was refused
-- only what a dead letter holds. Every record has at least one row, so a missing offset is a gap.
CREATE TABLE IF NOT EXISTS archive
(
    topic LowCardinality(String) COMMENT 'ordered input',
    log_partition Int32 COMMENT 'its partition',
    log_offset Int64 COMMENT 'its offset',
    log_index UInt32 COMMENT 'place of the reading in its array, 0 for a single one',
    readings UInt32 COMMENT 'readings of the record: so many rows have its offset; 0 for an array of nothing',
    appended_at DateTime64(3, 'UTC') COMMENT 'Kafka timestamp of the record',
    broker_stamped Bool COMMENT 'the broker stamped it at arrival',
    form LowCardinality(String) COMMENT 'tick, event, record, removal, empty, refused, erased',
    household String COMMENT 'pseudonym; empty: about nobody, refused or erased',
    kind LowCardinality(String) COMMENT 'kind of the event, mode of the tick, or what the record is',
    source String COMMENT 'source of the event',
    id String COMMENT 'its id',
    at Nullable(DateTime64(3, 'UTC')) COMMENT 'when the event happened; of a tick, its moment',
    data String COMMENT 'its known fields as JSON',
    reason LowCardinality(String) COMMENT 'refused: why, a closed set',
    detail String COMMENT 'refused: field or type involved, never a value',
    length UInt64 COMMENT 'refused, record: bytes of the message',
    sha256 String COMMENT 'refused, registry record: hash of the message, hexadecimal',
    head String COMMENT 'refused: its first bytes, letters as a and digits as 9',
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'wall clock at which the row was written here'
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, log_partition, log_offset, log_index)
TTL toDateTime(stored_at) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'decoded records of the ordered inputs, for replays; read with FINAL';
