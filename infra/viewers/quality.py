"""How good the judgement is: alarms against the budget, how late, how they ended, who is not seen."""

from infra.viewers.boards import Board, row
from infra.viewers.panels import AMBER, GREEN, RED, bars, lines, number, rows

QUALITY = Board(
    uid="anbu-quality",
    title="Anbu: Detection quality",
    about="Alarms against the budget, how late they come and how they end. Whatever counts comes from ClickHouse. A false"
    " alarm is only known where a responder said how the incident ended.",
    since="now-30d",
    refresh="5m",
    rows=(
        row(
            5,
            number(
                "Silence alarms, home-month",
                "Incidents of silence opened in the chosen time, for each month of one home being watched. The budget for"
                " false ones stands beside it.",
                unit="none",
                decimals=3,
                sql="""
                SELECT uniqExactIf(incident, kind = 'silence' AND $__timeFilter(opened_at)) / (
                    SELECT sum(households) / 720 FROM statuses FINAL WHERE $__timeFilter(hour)) AS alarms
                FROM incidents FINAL WHERE status = 'Actual'
                """,
                runbooks=("AnbuSilenceOverBudget",),
            ),
            number(
                "Budget in force",
                "False alarms of silence that the profile in force accepts, for each month of one home being watched.",
                unit="none",
                decimals=3,
                expr='max(anbu_budget{what="silence"})',
            ),
            number(
                "Known false, home-month",
                "Incidents that were closed as safe at home, safe away, a wrong contact or a device's fault, for each"
                " month of one home being watched. Open ones are not judged yet.",
                unit="none",
                decimals=3,
                sql="""
                SELECT countIf(cause IN ('safe_at_home', 'safe_away', 'wrong_contact', 'device_fault')
                    AND $__timeFilter(opened_at)) / (
                    SELECT sum(households) / 720 FROM statuses FINAL WHERE $__timeFilter(hour)) AS alarms
                FROM incidents_current WHERE status = 'Actual'
                """,
                runbooks=("AnbuSilenceOverBudget",),
            ),
            number(
                "Budget used by known false",
                "Known false alarms of silence as a share of what the profiles in force at each hour allowed.",
                unit="percentunit",
                decimals=0,
                sql="""
                SELECT countIf(kind = 'silence' AND cause IN ('safe_at_home', 'safe_away', 'wrong_contact', 'device_fault')
                    AND $__timeFilter(opened_at)) / (
                    SELECT sum(households * budget) / 720 FROM statuses FINAL WHERE $__timeFilter(hour)) AS share
                FROM incidents_current WHERE status = 'Actual'
                """,
                steps=((0, GREEN), (0.8, AMBER), (1, RED)),
                runbooks=("AnbuSilenceOverBudget",),
            ),
            number(
                "Precision of what was closed",
                "Of the incidents that a responder closed, the share in which somebody needed help, was in hospital or had"
                " died. Incidents about sources are not counted. 0 while none was closed.",
                unit="percentunit",
                decimals=0,
                sql="""
                SELECT countIf(cause IN ('helped', 'emergency', 'hospital', 'deceased'))
                    / greatest(1, countIf(cause NOT IN ('', 'merged', 'test', 'source_outage', 'left_service'))) AS precision
                FROM incidents_current WHERE status = 'Actual' AND kind != 'cannot_see' AND $__timeFilter(opened_at)
                """,
            ),
            number(
                "Withdrawn by late evidence",
                "Share of the incidents that Anbu took back because a late event proved life.",
                unit="percentunit",
                decimals=1,
                sql="""
                SELECT countIf(state = 'withdrawn') / greatest(1, count()) AS share
                FROM incidents_current WHERE status = 'Actual' AND $__timeFilter(opened_at)
                """,
            ),
        ),
        row(
            9,
            lines(
                "Alarms of silence by day, a household-month",
                "Alarms of each day divided by the homes watched on it, as if the day were a month, beside what the profile in force"
                " on that day allows of false ones.",
                unit="none",
                sql="""
                SELECT w.day AS time, a.alarms / w.months AS "alarms a household-month", w.budget AS "budget of the profile"
                FROM (
                    SELECT toStartOfDay(hour) AS day, sum(households) / 720 AS months, avg(budget) AS budget FROM statuses FINAL
                    WHERE $__timeFilter(hour) GROUP BY day
                ) AS w
                LEFT JOIN (
                    SELECT toStartOfDay(opened_at) AS day, uniqExact(incident) AS alarms FROM incidents FINAL
                    WHERE status = 'Actual' AND kind = 'silence' AND $__timeFilter(opened_at) GROUP BY day
                ) AS a ON w.day = a.day
                ORDER BY time
                """,
                runbooks=("AnbuSilenceOverBudget",),
            ),
            lines(
                "Silence in 7 days, and what the budget allows",
                "Alarms of the last 7 days as the workers counted them, and the number above which an alert fires. Revisions"
                " count again after a restart.",
                (
                    'sum(increase(anbu_incident_revisions_total{kind="silence",state="opened"}[7d]))',
                    "alarms in 7 days",
                ),
                ("anbu:silence_allowed:week", "allowed"),
                unit="none",
                runbooks=("AnbuSilenceOverBudget",),
            ),
        ),
        row(
            9,
            rows(
                "How late",
                "For each kind, hours from the last proof of life to the opening (silence: how long the person lay there if"
                " it was real), and minutes until somebody acknowledged it. Median and 90th percentile.",
                sql="""
                SELECT kind, count() AS incidents,
                    quantile(0.5)(silent) AS silent_median, quantile(0.9)(silent) AS silent_p90,
                    quantile(0.5)(taken) AS acknowledged_median, quantile(0.9)(taken) AS acknowledged_p90
                FROM (
                    SELECT argMin(kind, revision) AS kind,
                        argMin(dateDiff('second', last_sign_of_life, opened_at), revision) AS silent,
                        if(countIf(state = 'acknowledged') = 0, NULL,
                            dateDiff('second', min(opened_at), minIf(at, state = 'acknowledged'))) AS taken
                    FROM incidents FINAL WHERE status = 'Actual' AND $__timeFilter(opened_at) GROUP BY incident
                ) GROUP BY kind ORDER BY incidents DESC
                """,
                units={
                    "silent_median": "s",
                    "silent_p90": "s",
                    "acknowledged_median": "s",
                    "acknowledged_p90": "s",
                },
            ),
            bars(
                "How incidents ended",
                "Closed incidents by the cause the responder gave, and those that Anbu withdrew.",
                unit="none",
                sql="""
                SELECT if(state = 'withdrawn', '(withdrawn)', cause) AS of, count() AS incidents FROM incidents_current
                WHERE status = 'Actual' AND state IN ('closed', 'withdrawn') AND $__timeFilter(opened_at)
                GROUP BY of ORDER BY incidents DESC
                """,
            ),
        ),
        row(
            9,
            rows(
                "False alarms of silence against the budget, by channel",
                "Alarms of silence by the channel that weighed most, known false ones among them, and those as a share of"
                " what the profiles of that time allowed for all homes together.",
                sql="""
                SELECT if(empty(shares), '(none)', arraySort((c, w) -> -w, mapKeys(shares), mapValues(shares))[1]) AS channel,
                    count() AS alarms,
                    countIf(cause IN ('safe_at_home', 'safe_away', 'wrong_contact', 'device_fault')) AS known_false,
                    known_false / (SELECT sum(households * budget) / 720 FROM statuses FINAL WHERE $__timeFilter(hour)) AS of_budget
                FROM incidents_current WHERE status = 'Actual' AND kind = 'silence' AND $__timeFilter(opened_at)
                GROUP BY channel ORDER BY alarms DESC
                """,
                units={"of_budget": "percentunit"},
                runbooks=("AnbuSilenceOverBudget",),
            ),
            rows(
                "Calibration of the score",
                "Alarms of silence by how far their score came over the threshold. Where the score says something, the"
                " share of real ones grows from the first line to the last.",
                sql="""
                SELECT multiIf(score / threshold < 1.1, 'up to 1.1 times', score / threshold < 1.5, '1.1 to 1.5 times',
                    score / threshold < 2.5, '1.5 to 2.5 times', 'over 2.5 times') AS over_threshold,
                    count() AS alarms,
                    countIf(cause NOT IN ('', 'merged', 'test', 'source_outage', 'left_service')) AS closed,
                    countIf(cause IN ('helped', 'emergency', 'hospital', 'deceased')) AS real,
                    if(closed = 0, NULL, real / closed) AS share_real
                FROM incidents_current WHERE status = 'Actual' AND kind = 'silence' AND threshold > 0
                AND $__timeFilter(opened_at) GROUP BY over_threshold ORDER BY min(score / threshold)
                """,
                units={"share_real": "percentunit"},
            ),
            rows(
                "Precision by kind",
                "Of what responders closed, the share in which somebody needed help, by kind. Outages of sources and tests"
                " are not counted.",
                sql="""
                SELECT kind, count() AS incidents, countIf(cause NOT IN ('', 'merged', 'test', 'source_outage', 'left_service')) AS closed,
                    countIf(cause IN ('helped', 'emergency', 'hospital', 'deceased')) AS real,
                    if(closed = 0, NULL, real / closed) AS precision
                FROM incidents_current WHERE status = 'Actual' AND $__timeFilter(opened_at)
                GROUP BY kind ORDER BY closed DESC, incidents DESC
                """,
                units={"precision": "percentunit"},
            ),
        ),
        row(
            9,
            lines(
                "Expected delay by day",
                "How many homes would be found within so many hours of a collapse by day, as their sources are now. Not known of"
                " a home in its first days.",
                ('sum by (hours) (anbu_households_by_delay{part="day",hours!="+Inf"})', "within {{hours}} h"),
                unit="none",
            ),
            lines(
                "Expected delay by night",
                "How many homes would be found within so many hours of a collapse at night, as their sources are now.",
                ('sum by (hours) (anbu_households_by_delay{part="night",hours!="+Inf"})', "within {{hours}} h"),
                unit="none",
            ),
            lines(
                "Blind and slow homes",
                "Homes that nothing sees, and homes whose sources find a collapse late: 12 hours or more, or calls alone.",
                ("sum(anbu_households_blind)", "blind"),
                ("sum(anbu_households_slow)", "slow"),
                unit="none",
                runbooks=("AnbuHomesBlind", "AnbuBlindRising"),
            ),
        ),
        row(
            9,
            lines(
                "Homes that nothing sees",
                "Share of the watched homes of which no healthy source tells anything, by hour.",
                unit="percentunit",
                sql="""
                SELECT hour AS time, sum(blind) / greatest(1, sum(households)) AS "share of homes" FROM statuses FINAL
                WHERE $__timeFilter(hour) GROUP BY hour ORDER BY hour
                """,
                runbooks=("AnbuHomesBlind", "AnbuBlindRising"),
            ),
            lines(
                "Check-in calls asked for",
                "Calls that Anbu asked for before it alarmed anybody, by purpose. A machine's calls have a budget of their"
                " own, 4 a month by default.",
                (
                    "sum by (purpose) (rate(anbu_checkin_requests_total[$__rate_interval])) * 3600",
                    "{{purpose}} an hour",
                ),
                unit="none",
            ),
            lines(
                "Answers to responders",
                "What responders did, by the answer they got. Many refusals mean that people work from an old view.",
                ("sum by (result) (rate(anbu_responder_actions_total[$__rate_interval])) * 3600", "{{result}} an hour"),
                unit="none",
            ),
        ),
    ),
)
