-- What replays under a name told, and their figures. Nothing of a live run is in these tables, and nothing of a replay in
-- those of the live run. Several machines may share a replay: what counts of a partition is the attempt that its row names.
CREATE TABLE IF NOT EXISTS replay_runs
(
    run String COMMENT 'name that was given to the replay',
    fingerprint String COMMENT 'of engine, profiles and what was asked: one name has one',
    engine LowCardinality(String) COMMENT 'version of the engine',
    plan String COMMENT 'JSON: which offsets are replayed; the first one written counts',
    begun_at DateTime64(3, 'UTC') COMMENT 'wall clock of the machine that wrote it',
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'wall clock at which the row was written here'
)
ENGINE = ReplacingMergeTree
ORDER BY (run, begun_at, fingerprint, plan)
TTL toDateTime(stored_at) + INTERVAL 400 DAY
COMMENT 'replays that were begun; read with FINAL';

CREATE TABLE IF NOT EXISTS replay_parts
(
    run String COMMENT 'name of the replay',
    variant LowCardinality(String) COMMENT 'which of its profiles',
    log_partition Int32 COMMENT 'partition that was replayed to its end',
    plan String COMMENT 'digest of the plan it followed',
    attempt String COMMENT 'whose rows of replay_incidents count',
    engine LowCardinality(String) COMMENT 'version of the engine',
    profile LowCardinality(String) COMMENT 'profile in force from the beginning; empty: those of the log',
    readings UInt64 COMMENT 'readings replayed',
    dead_letters UInt64 COMMENT 'readings refused',
    revisions UInt64 COMMENT 'revisions told',
    cpu_s Float64 COMMENT 'seconds of processor time',
    played String COMMENT 'JSON: one line an incident, and what the report needs',
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'wall clock at which the row was written here'
)
ENGINE = ReplacingMergeTree(stored_at)
ORDER BY (run, variant, log_partition)
TTL toDateTime(stored_at) + INTERVAL 400 DAY
COMMENT 'partitions of a replay that are done; read with FINAL';

CREATE TABLE IF NOT EXISTS replay_incidents
(
    run String COMMENT 'name of the replay',
    variant LowCardinality(String) COMMENT 'which of its profiles',
    log_partition Int32 COMMENT 'partition',
    attempt String COMMENT 'who replayed it: one that was killed left rows that count for nothing',
    household String COMMENT 'pseudonym',
    incident String COMMENT 'id of the incident',
    revision UInt32 COMMENT 'its revision',
    kind LowCardinality(String) COMMENT 'kind of incident',
    state LowCardinality(String) COMMENT 'state',
    severity LowCardinality(String) COMMENT 'severity of CAP',
    at DateTime64(3, 'UTC') COMMENT 'clock of the revision',
    opened_at DateTime64(3, 'UTC') COMMENT 'clock at which the incident opened',
    profile LowCardinality(String) COMMENT 'profile in force',
    engine LowCardinality(String) COMMENT 'version of the engine',
    body String COMMENT 'the revision as JSON' CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'wall clock at which the row was written here'
)
ENGINE = ReplacingMergeTree
ORDER BY (run, variant, log_partition, attempt, household, incident, revision)
TTL toDateTime(stored_at) + INTERVAL 400 DAY
COMMENT 'every revision that attempts at a replay told; read the view replayed';

CREATE TABLE IF NOT EXISTS replay_figures
(
    run String COMMENT 'name of the replay',
    variant LowCardinality(String) COMMENT 'which of its profiles',
    figure LowCardinality(String) COMMENT 'name of the figure in report.json, with dots',
    value Float64 COMMENT 'the figure',
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'wall clock at which the row was written here'
)
ENGINE = ReplacingMergeTree(stored_at)
ORDER BY (run, variant, figure)
TTL toDateTime(stored_at) + INTERVAL 400 DAY
COMMENT 'figures of reports, one a row; read with FINAL';

CREATE TABLE IF NOT EXISTS replay_reports
(
    run String COMMENT 'name of the replay',
    engine LowCardinality(String) COMMENT 'version of the engine',
    report String COMMENT 'report.json' CODEC(ZSTD(3)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'wall clock at which the row was written here'
)
ENGINE = ReplacingMergeTree(stored_at)
ORDER BY run
TTL toDateTime(stored_at) + INTERVAL 400 DAY
COMMENT 'whole reports; read with FINAL';

CREATE VIEW IF NOT EXISTS replayed AS
SELECT i.* FROM (SELECT * FROM replay_incidents FINAL) AS i
INNER JOIN (SELECT run, variant, log_partition, attempt FROM replay_parts FINAL) AS p
ON i.run = p.run AND i.variant = p.variant AND i.log_partition = p.log_partition AND i.attempt = p.attempt
COMMENT 'revisions of replays that count: of each partition those of the attempt that came to its end';
