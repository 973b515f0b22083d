-- The curves and groups of a replay's report, a row a point: a chart of two profiles side by side needs no JSON.
CREATE TABLE IF NOT EXISTS replay_points
(
    run String COMMENT 'name of the replay',
    variant LowCardinality(String) COMMENT 'which of its profiles',
    part LowCardinality(String) COMMENT 'what is set apart: district, target_group, source_mix, hour, kind; or a curve: day, delay',
    name String COMMENT 'which one: a district, an hour, a kind, the date of a day; empty in the curve of delays',
    place UInt32 COMMENT 'its place in the report, 0 the first',
    figure LowCardinality(String) COMMENT 'what is counted of it: incidents, calls, per_household_month; of delays hours and share',
    value Float64 COMMENT 'the figure',
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'wall clock at which the row was written here'
)
ENGINE = ReplacingMergeTree(stored_at)
ORDER BY (run, variant, part, place, name, figure)
TTL toDateTime(stored_at) + INTERVAL 400 DAY
COMMENT 'curves and groups of reports, one point a row; read with FINAL';
