"""Every metric Hearth exposes, in one place. Labels hold only words from this code base: never an identity or an id."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

# How long requests take, by route template (never the path) and status class.
HTTP_SECONDS = Histogram(
    "hearth_http_request_seconds",
    "Duration of HTTP requests.",
    ("service", "route", "method", "status"),
    buckets=_SECONDS,
)
# Requests that the server refused before the application saw all of them, by the code of the problem.
HTTP_REFUSED = Counter("hearth_http_refused_total", "Requests refused for their size or slowness.", ("reason",))
# Records read from Kafka, by what became of them: handled, ignored (an unknown type), dead_letter.
CONSUMED = Counter("hearth_consumed_records_total", "Records consumed.", ("group", "topic", "result"))
# Dead letters of inboxes, by writer: an integrator that an operator named, `anyone`, or `others` beyond fifty.
# An alarm when it grows: a writer writes what intake cannot take in.
INBOX_DEAD_LETTERS = Counter("hearth_inbox_dead_letters_total", "Dead letters of inboxes.", ("group", "writer"))
# Of those, the ones of writers without a good token. An alarm when it grows: reports wait for an operator.
WITHOUT_TOKEN = Counter("hearth_inbox_without_token_total", "Records of writers without a token.", ("group", "writer"))
# Outcomes of submissions of integrators for which Kafka has no topic of outcomes: `hearth topics create` makes it.
UNTOLD_OUTCOMES = Counter("hearth_untold_outcomes_total", "Outcomes without a topic to tell them.", ("writer",))
# How long a batch takes from its arrival to its commit point.
BATCH_SECONDS = Histogram("hearth_consume_batch_seconds", "Duration of a consumed batch.", ("group",), buckets=_SECONDS)
# Batches that will be tried again because something outside was away.
WAITS = Counter("hearth_consume_waits_total", "Batches put back during an outage.", ("group", "cause"))
# Records behind the newest of the partitions a consumer holds.
LAG = Gauge("hearth_consumer_lag_records", "Records not yet consumed.", ("group", "topic"))
# 1 while a consumer has stopped itself after too many dead letters.
STOPPED = Gauge("hearth_consumer_stopped", "A consumer stopped itself.", ("group",))
# Events handed to Kafka by the outbox relay, and how long they had waited since their state change.
RELAYED = Counter("hearth_outbox_published_total", "Events published from the outbox.", ("service", "topic"))
RELAY_SECONDS = Histogram(
    "hearth_outbox_wait_seconds", "Time from state change to published.", ("service",), buckets=_SECONDS
)
# Aggregates with unpublished events that are older than the relay's grace: should be 0.
OUTBOX_OVERDUE = Gauge("hearth_outbox_overdue", "Aggregates with events that are overdue.", ("service",))
# Reports accepted, by channel (form, http, kafka).
REPORTS = Counter("hearth_reports_total", "Reports stored.", ("channel",))
# Reports per durable write: group commit at work.
COMMIT_SIZE = Histogram(
    "hearth_group_commit_size", "Reports in one durable write.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
# Reports without data keys, which were destroyed here, by the reason that their event gives.
ERASED = Counter("hearth_erased_reports_total", "Reports erased.", ("reason",))
# Erasures that a database did not show at the start: anything above 0 means that it was restored.
REPLAYED_ERASURES = Counter("hearth_replayed_erasures_total", "Erasures applied again to a restored database.")
# When retention last went through all closed reports, in seconds since the epoch.
RETENTION_SWEPT = Gauge("hearth_retention_swept_timestamp_seconds", "End of the last sweep of retention.")
# How many of the reports that a sweep has found due it has still to erase.
RETENTION_DUE = Gauge("hearth_retention_due", "Reports found due for erasure and not erased yet.")
# Reports that have waited for a decision longer than the policy allows. Nothing erases them, so people must look.
RETENTION_UNDECIDED = Gauge("hearth_retention_undecided", "Reports without a decision for too long.")
# Mails, by notice and what became of them: sent, suppressed, failed, put_off, and refused_setup where the mail server
# objects to our own set-up: relaying, sign-in, TLS, policy, reputation.
MAILS = Counter("hearth_mails_total", "Mails handed over, or not.", ("notice", "result"))
# Notices that reached nobody, by the reason that their event gives. For the notice new_case, shut_out and no_contact
# mean that a handling body does not know of a case.
UNTOLD = Counter("hearth_untold_total", "Notices that reached nobody.", ("notice", "reason"))
# How long a notice takes from being planned to its end; gathered ones wait for their mail.
DELIVERY_SECONDS = Histogram(
    "hearth_delivery_seconds", "Time from planned to settled.", ("notice",), buckets=(*_SECONDS, 60, 120, 600, 3600)
)
# Entries in the record, by topic.
RECORDED = Counter("hearth_record_entries_total", "Entries added to the record.", ("topic",))
# Cases opened, by lane of the policy.
CASES = Counter("hearth_cases_total", "Cases opened.", ("lane",))
# Cases that went past a handling body, because it could not look after them, by the kind of body that got them:
# stand_in, last_resort.
CASES_PASSED_ON = Counter("hearth_cases_passed_on_total", "Cases passed on to a body other than their own.", ("kind",))
# Open cases that no handling body can look after: should be 0.
CASES_UNATTENDED = Gauge("hearth_cases_unattended", "Open cases for which nobody is there.")
# Open cases that lie with a handling body that the policy does not have: should be 0.
CASES_OF_NO_BODY = Gauge("hearth_cases_of_no_body", "Open cases of bodies that the policy does not have.")
# Cases that triage cannot judge because of a fault in them or in Hearth, in one process: should be 0.
CASES_SET_ASIDE = Gauge("hearth_cases_set_aside", "Cases that cannot be judged and were set aside.")
# How far the clock of the machine is ahead of that of MongoDB; below 0 where it is behind. Should be near 0.
CLOCK_AHEAD = Gauge("hearth_clock_ahead_seconds", "How far the machine is ahead of MongoDB's clock.", ("service",))
# When triage last judged the open cases for which people or parties had changed, in seconds since the epoch.
ATTENDANCE_SWEPT = Gauge("hearth_attendance_swept_timestamp_seconds", "End of the last look for who is there.")
# People who could handle a case in the body of last resort, counted up to its quorum: should be that.
LAST_RESORT_PEOPLE = Gauge("hearth_last_resort_people", "People who can act in the body of last resort.")
# People of the body of last resort who have a role in another handling body, too: should be 0.
LAST_RESORT_SHARED = Gauge("hearth_last_resort_shared", "People of the last resort who serve another body.")
# Looks at the pages behind links of attestations, by what they found: found, gone, missed.
BASELINE_LOOKS = Counter("hearth_baseline_looks_total", "Looks at links of attestations.", ("result",))
# Mistakes in the policy files at the start, for which the policy before stays in force: should be 0.
POLICY_REFUSED = Gauge("hearth_policy_refused", "Mistakes in the policy files; the policy before is in force.")
# Commands of people on cases, by result: done, repeated, refused, conflict.
COMMANDS = Counter("hearth_case_commands_total", "Commands on cases.", ("command", "result"))
# Answers to wrong secrets (receipt, token) that were held for a while, and requests beyond the rate of a token.
THROTTLED = Counter("hearth_throttled_total", "Wrong answers held, requests beyond a rate.", ("kind", "result"))
# What was refused, by action and reason of shared/access/table.py.
REFUSALS = Counter(
    "hearth_refusals_total", "Requests refused by the gate or by policy.", ("service", "action", "reason")
)
# Names of people on the roster that a coordinator should look at: typed freely, or a further user name.
NAME_ALARMS = Counter("hearth_name_alarms_total", "New names that a coordinator should look at.", ("kind",))
# People on the roster with names that intake has not yet looked for in all reports.
NAMES_UNSEARCHED = Gauge("hearth_names_unsearched", "People with names that earlier reports were not searched for.")
