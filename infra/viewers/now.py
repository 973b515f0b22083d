"""What is the matter now: is everybody watched, what is open, who has nobody yet."""

from infra.viewers.boards import Board, row
from infra.viewers.panels import AMBER, GREEN, RED, TO_INCIDENT, ZERO_IS_WELL, bars, lines, number, rows

NOW = Board(
    uid="anbu-now",
    title="Anbu: Now",
    about="Is everybody watched, what is open, and who has nobody yet. The tables come from ClickHouse and are as old as"
    " the writer is behind; the numbers of the first row come from the workers themselves.",
    leads_to_board=True,
    rows=(
        row(
            4,
            number(
                "Homes watched",
                "Households that some worker judges.",
                unit="none",
                expr="sum(anbu_households)",
                steps=((0, RED), (1, "text")),
                runbooks=("AnbuWorkerDown",),
            ),
            number(
                "Partitions judged by nobody",
                "Partitions of the topic set that are ready in no worker: their homes are not watched.",
                unit="none",
                expr='max(anbu_partitions{what="topic_set"}) - sum(anbu_partitions{what="ready"})',
                steps=ZERO_IS_WELL,
                runbooks=("AnbuPartitionUnwatched", "AnbuWorkerDown"),
            ),
            number(
                "Judged moment is old by",
                "How long ago the moment lies up to which the slowest partition has judged. Some seconds are ordinary.",
                unit="s",
                expr="time() - min(max by (partition) (anbu_clock_timestamp_seconds))",
                steps=((0, GREEN), (60, AMBER), (180, RED)),
                runbooks=("AnbuClockStanding", "AnbuClockBehind", "AnbuClockFarBehind"),
            ),
            number(
                "Homes that nothing sees",
                "Households of which no healthy source tells anything. Each has an incident of kind cannot_see.",
                unit="none",
                expr="sum(anbu_households_blind)",
                steps=((0, "text"), (1, AMBER)),
                runbooks=("AnbuHomesBlind", "AnbuBlindRising"),
            ),
            number(
                "Open incidents",
                "Incidents neither closed nor withdrawn, as the workers have them.",
                unit="none",
                expr="sum(anbu_incidents_open)",
            ),
            number(
                "Alerts firing",
                "Alerts about Anbu itself; the watchdog, which always fires, is not counted.",
                unit="none",
                expr='count(ALERTS{alertstate="firing", severity!="none"}) or vector(0)',
                steps=ZERO_IS_WELL,
                runbooks=("AnbuWatchdog",),
            ),
        ),
        row(
            4,
            number(
                "Oldest incident that nobody has taken",
                "How long the oldest open incident has waited for an officer to acknowledge it; those still being asked by"
                " machine are not counted. 0 when none waits.",
                unit="s",
                sql="""
                SELECT max(if(state IN ('opened', 'updated', 'escalated') AND acknowledged_by = ''
                        AND next_step != 'asking',
                    dateDiff('second', opened_at, now64(3)), 0)) AS age
                FROM incidents_current WHERE status = 'Actual'
                """,
                steps=((0, GREEN), (1800, AMBER), (7200, RED)),
            ),
            number(
                "Open and Extreme",
                "Open incidents of CAP severity Extreme.",
                unit="none",
                sql="""
                SELECT countIf(severity = 'Extreme' AND state NOT IN ('closed', 'withdrawn')) AS open
                FROM incidents_current WHERE status = 'Actual'
                """,
                steps=ZERO_IS_WELL,
            ),
            number(
                "Tables are old by",
                "Age of the oldest record that waits for ClickHouse: so old are the tables on this page.",
                unit="s",
                expr="max(anbu_writer_behind_seconds{job!='anbu-archive'})",
                steps=((0, GREEN), (60, AMBER), (300, RED)),
                runbooks=("AnbuWriterBehind", "AnbuWriterDown", "AnbuTablesUnwritten"),
            ),
            number(
                "Systems of others are behind by",
                "How long the oldest revision has waited for a system that incidents are pushed to; 0 too where nothing is"
                " pushed.",
                unit="s",
                expr="max(anbu_webhook_behind_seconds) or vector(0)",
                steps=((0, GREEN), (15, AMBER), (60, RED)),
                runbooks=("AnbuWebhookBehind", "AnbuWebhookPutAside"),
            ),
        ),
        row(
            9,
            bars(
                "Open by kind",
                "Open incidents by what they are about.",
                unit="none",
                sql="""
                SELECT kind, count() AS incidents FROM incidents_current
                WHERE status = 'Actual' AND state NOT IN ('closed', 'withdrawn') GROUP BY kind ORDER BY incidents DESC
                """,
            ),
            bars(
                "Open by district",
                "Open incidents by district. Many of kind cannot_see in one district look like an outage.",
                unit="none",
                sql="""
                SELECT if(district = '', '(not registered)', district) AS of, count() AS incidents FROM incidents_current
                WHERE status = 'Actual' AND state NOT IN ('closed', 'withdrawn') GROUP BY of ORDER BY incidents DESC LIMIT 20
                """,
                runbooks=("AnbuBlindRising",),
            ),
            bars(
                "Open by age",
                "Open incidents by how long ago they opened, taken by an officer or not.",
                unit="none",
                sql="""
                SELECT concat(multiIf(age < 3600, 'below 1 h', age < 21600, '1 to 6 h', age < 86400, '6 to 24 h', 'over 24 h'),
                    if(acknowledged_by = '', ', not taken', ', taken')) AS of, count() AS incidents
                FROM (
                    SELECT dateDiff('second', opened_at, now64(3)) AS age, acknowledged_by FROM incidents_current
                    WHERE status = 'Actual' AND state NOT IN ('closed', 'withdrawn')
                )
                GROUP BY of ORDER BY min(age)
                """,
            ),
        ),
        row(
            4,
            number(
                "Answers awaited",
                "Questions of the check-in ladder that are out: a call, a robot, a guardian. The machine has these incidents.",
                unit="none",
                sql="""
                SELECT countIf(step.request != '' AND step.outcome = '') AS awaited FROM incidents_current
                LEFT ARRAY JOIN ladder AS step WHERE status = 'Actual' AND state NOT IN ('closed', 'withdrawn')
                """,
            ),
            number(
                "Owner's time is over",
                "Open incidents whose owner let the time of the profile pass and that have not moved on yet.",
                unit="none",
                sql="""
                SELECT countIf(step_until < now64(3)) AS overdue FROM incidents_current
                WHERE status = 'Actual' AND state NOT IN ('closed', 'withdrawn')
                """,
                steps=ZERO_IS_WELL,
            ),
            number(
                "Moved on to the next owner",
                "Open incidents that nobody acted on in time at least once: a supervisor or the control room has them.",
                unit="none",
                sql="""
                SELECT countIf(level > 0) AS moved FROM incidents_current
                WHERE status = 'Actual' AND state NOT IN ('closed', 'withdrawn')
                """,
                steps=((0, GREEN), (1, AMBER)),
            ),
            number(
                "Asked by machine because a shift was full",
                "Incidents of the chosen time that were beyond a post's cap for its shift: the machine asked first, and"
                " nothing was dropped.",
                unit="none",
                sql="""
                SELECT countIf(arrayExists(step -> step.why = 'load', ladder)) AS beyond FROM incidents_current
                WHERE status = 'Actual' AND $__timeFilter(opened_at)
                """,
            ),
        ),
        row(
            9,
            bars(
                "Questions by rung and outcome",
                "Who or what was asked in the chosen time, and what came of it. An officer is told, not asked.",
                unit="none",
                sql="""
                SELECT concat(step.ask, multiIf(step.outcome != '', concat(', ', step.outcome), step.request != '', ', awaited',
                    step.ask = 'officer', ', told', ', to be asked')) AS of, count() AS questions
                FROM incidents_current ARRAY JOIN ladder AS step
                WHERE status = 'Actual' AND $__timeFilter(opened_at) GROUP BY of ORDER BY questions DESC LIMIT 20
                """,
            ),
            bars(
                "Open by who has it",
                "Load now: what the machine still asks about, what each post of the roster has, and what officers took.",
                unit="none",
                sql="""
                SELECT multiIf(acknowledged_by != '', '(officers who took it)', next_step = 'asking', '(the machine asks)',
                    owner = '', '(nobody: no roster)', owner) AS of, count() AS incidents
                FROM incidents_current WHERE status = 'Actual' AND state NOT IN ('closed', 'withdrawn')
                GROUP BY of ORDER BY incidents DESC LIMIT 20
                """,
            ),
        ),
        row(
            8,
            lines(
                "Shift's load against its cap",
                "Incidents that each post on duty was given in its shift, and the cap of that shift from the profile. What comes"
                " above the cap is asked by machine first; nothing is dropped. Emergencies have no cap. Empty without a cap"
                " in the profile.",
                ("sum by (post) (anbu_shift_given)", "{{post}}"),
                ("max by (post) (anbu_shift_cap)", "cap of {{post}}"),
                unit="none",
            ),
            lines(
                "Share of the cap that is used",
                "What each post on duty was given in its shift, as a share of its cap: 1 is all of it.",
                ("sum by (post) (anbu_shift_given) / max by (post) (anbu_shift_cap)", "{{post}}"),
                unit="percentunit",
                steps=((0, "transparent"), (0.8, AMBER), (1, RED)),
            ),
        ),
        row(
            12,
            rows(
                "Open cases",
                "One line a case, the gravest first, as responders see it with: anbu incidents watch. open_for and"
                " no_life_for run on; a sentence stays as it was told at said_at, with the hours of that moment. cleared: life was"
                " seen again, or the device said off. The household is a pseudonym; the registry knows the person. Those of an"
                " exercise (status Exercise) stand last, and are in no other panel.",
                sql="""
                SELECT gravest AS incident, severity, kind, if(said.cleared, concat(c.state, ', cleared'), c.state) AS state,
                    if(owner = '', '(nobody)', owner) AS owner, district, next_step,
                    dateDiff('second', opened_at, now64(3)) AS open_for,
                    dateDiff('second', last_sign_of_life, now64(3)) AS no_life_for, household, status,
                    said.at AS said_at, sentence_ko, sentence_en
                FROM cases_current AS c
                LEFT ANY JOIN (SELECT incident, at, cleared FROM incidents_current) AS said ON c.gravest = said.incident
                WHERE open > 0
                ORDER BY status = 'Actual' DESC, indexOf(['Minor', 'Moderate', 'Severe', 'Extreme'], severity) DESC, opened_at
                LIMIT 200
                """,
                units={"open_for": "s", "no_life_for": "s"},
                links={"incident": TO_INCIDENT},
                widths={
                    "incident": 110,
                    "severity": 90,
                    "kind": 150,
                    "state": 140,
                    "owner": 120,
                    "district": 90,
                    "next_step": 120,
                    "open_for": 90,
                    "no_life_for": 100,
                    "said_at": 160,
                    "household": 110,
                    "status": 80,
                },
            ),
        ),
        row(
            9,
            lines(
                "Opened over time",
                "Incidents by the moment at which they opened.",
                unit="none",
                stacked=True,
                sql="""
                SELECT $__timeInterval(opened_at) AS time, kind, uniqExact(incident) AS incidents FROM incidents FINAL
                WHERE status = 'Actual' AND $__timeFilter(opened_at) GROUP BY time, kind ORDER BY time
                """,
            ),
        ),
    ),
)
