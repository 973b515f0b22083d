-- Every revision of every incident, and what stands now.
-- Rows come at least once: a writer that was killed writes them again in other batches. The engine keeps the last of each
-- (household, incident, revision), and whoever counts reads with FINAL.
CREATE TABLE IF NOT EXISTS incidents
(
    household String COMMENT 'pseudonym of the household',
    incident String COMMENT 'id of the incident',
    revision UInt32 COMMENT 'from 1 on; the highest is what stands',
    case_id String COMMENT 'gathers incidents of a household; empty only in revision 1 of an emergency',
    msg_type LowCardinality(String) COMMENT 'CAP 1.2: Alert, Update, Cancel',
    references Array(String) COMMENT 'id/revision that this one replaces, or the incident it was merged into',
    state LowCardinality(String) COMMENT 'opened, updated, escalated, acknowledged, closed, withdrawn',
    kind LowCardinality(String) COMMENT 'what it is about: a closed set',
    severity LowCardinality(String) COMMENT 'CAP 1.2: Minor, Moderate, Severe, Extreme',
    urgency LowCardinality(String) COMMENT 'CAP 1.2: Immediate, Expected, Future, Past',
    certainty LowCardinality(String) COMMENT 'CAP 1.2: Observed, Likely, Possible, Unlikely',
    score Nullable(Float64) COMMENT 'silence: cumulative hazard in nats',
    threshold Nullable(Float64) COMMENT 'the score at which it opens',
    shares Map(String, Float32) COMMENT 'what each channel contributed, 0..1',
    opened_at DateTime64(3, 'UTC') COMMENT 'log time at which the incident opened',
    at DateTime64(3, 'UTC') COMMENT 'log time of this revision',
    event_from DateTime64(3, 'UTC') COMMENT 'begin of the events it rests on',
    event_until DateTime64(3, 'UTC') COMMENT 'end of the events it rests on',
    last_sign_of_life Nullable(DateTime64(3, 'UTC')) COMMENT 'last proof of life on any channel',
    deadline Nullable(DateTime64(3, 'UTC')) COMMENT 'when the decision falls or fell due',
    would_change LowCardinality(String) COMMENT 'code of what would change the decision',
    next_step LowCardinality(String) COMMENT 'what a responder should do next',
    owner String COMMENT 'who acknowledged it; empty: nobody',
    district LowCardinality(String) COMMENT 'district of the household; empty: not registered',
    target_group LowCardinality(String) COMMENT 'why the household is watched; empty: not registered',
    cleared Bool COMMENT 'the hazard said off, or life was seen again',
    cause LowCardinality(String) COMMENT 'why it was closed; empty while it is not',
    profile LowCardinality(String) COMMENT 'profile in force',
    engine LowCardinality(String) COMMENT 'version of the engine that decided',
    sentence_ko String COMMENT 'one sentence in Korean',
    sentence_en String COMMENT 'one sentence in English',
    log_partition Int32 COMMENT 'partition of the record on the topic incidents',
    log_offset Int64 COMMENT 'offset of the record on the topic incidents',
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'wall clock at which the row was written here'
)
ENGINE = ReplacingMergeTree
ORDER BY (household, incident, revision)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'every revision of every incident; count with FINAL';

CREATE VIEW IF NOT EXISTS incidents_current AS
SELECT * FROM incidents FINAL
ORDER BY household, incident, revision DESC
LIMIT 1 BY household, incident
COMMENT 'the last revision of every incident';

-- One line a case, as responders see it: the gravest of its open incidents speaks, or of all when none is open.
-- An emergency that has no case yet joins the open case of its household, or stands for the household.
CREATE VIEW IF NOT EXISTS cases_current AS
WITH
    ['Minor', 'Moderate', 'Severe', 'Extreme'] AS severities,
    open_cases AS
    (
        SELECT household, argMax(case_id, (at, incident)) AS open_case
        FROM incidents_current
        WHERE case_id != '' AND state NOT IN ('closed', 'withdrawn')
        GROUP BY household
    ),
    gathered AS
    (
        SELECT
            i.*,
            multiIf(i.case_id != '', i.case_id, o.open_case != '', o.open_case, concat(i.household, ':new')) AS in_case,
            i.state IN ('closed', 'withdrawn') AS has_ended,
            (has_ended, -indexOf(severities, i.severity), i.opened_at, i.incident) AS turn
        FROM incidents_current AS i
        LEFT JOIN open_cases AS o ON i.household = o.household
    )
SELECT
    g.household AS household,
    g.in_case AS case_id,
    count() AS incidents,
    countIf(NOT g.has_ended) AS open,
    argMin(g.incident, g.turn) AS gravest,
    argMin(g.kind, g.turn) AS kind,
    argMin(g.severity, g.turn) AS severity,
    argMin(g.state, g.turn) AS state,
    arraySort(groupUniqArray(g.kind)) AS kinds,
    min(g.opened_at) AS opened_at,
    max(g.at) AS at,
    max(g.last_sign_of_life) AS last_sign_of_life,
    argMin(g.next_step, g.turn) AS next_step,
    argMin(g.owner, g.turn) AS owner,
    argMin(g.district, g.turn) AS district,
    argMin(g.target_group, g.turn) AS target_group,
    argMin(g.sentence_ko, g.turn) AS sentence_ko,
    argMin(g.sentence_en, g.turn) AS sentence_en
FROM gathered AS g
GROUP BY g.household, g.in_case
COMMENT 'one line a case: its gravest incident speaks';
