-- Exercises are told through the same path as real incidents, and counted nowhere among them.
ALTER TABLE incidents
    ADD COLUMN IF NOT EXISTS status LowCardinality(String) DEFAULT 'Actual' COMMENT 'CAP 1.2: Actual, or Exercise' AFTER log_offset;

-- A view keeps the columns it was made with.
CREATE OR REPLACE VIEW incidents_current AS
SELECT * FROM incidents FINAL
ORDER BY household, incident, revision DESC
LIMIT 1 BY household, incident
COMMENT 'the last revision of every incident, those of exercises (status Exercise) among them';

-- One line a case, as responders see it: the gravest of its open incidents speaks, or of all when none is open.
-- An emergency that has no case yet joins the open case of its household, or stands for the household.
CREATE OR REPLACE VIEW cases_current AS
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
    argMin(g.sentence_en, g.turn) AS sentence_en,
    argMin(g.status, g.turn) AS status
FROM gathered AS g
GROUP BY g.household, g.in_case
COMMENT 'one line a case: its gravest incident speaks; exercises (status Exercise) among them';
