-- What could not be used, for as long as the topic keeps it: 7 days from when it was written here (a recording's own
-- times may lie years back).
CREATE TABLE IF NOT EXISTS dead_letters
(
    topic LowCardinality(String) COMMENT 'input topic of the refused record',
    log_partition Int32 COMMENT 'its partition',
    log_offset Int64 COMMENT 'its offset',
    log_index UInt32 COMMENT 'place of the refused reading in its array, 0 for a single one',
    reason LowCardinality(String) COMMENT 'why: a closed set',
    detail String COMMENT 'field or type involved, never a value',
    length UInt64 COMMENT 'bytes of the record',
    sha256 String COMMENT 'hash of the record, hexadecimal',
    head String COMMENT 'its first bytes, letters as a and digits as 9',
    records UInt64 COMMENT 'more than 1 in a summary of a flood',
    last_offset Nullable(Int64) COMMENT 'where a summary ends',
    at DateTime64(3, 'UTC') COMMENT 'log time',
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'wall clock at which the row was written here'
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, log_partition, log_offset, log_index, reason, records)
TTL toDateTime(stored_at) + INTERVAL 7 DAY
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'records that could not be used; count with FINAL';
