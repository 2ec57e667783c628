"""Everything that can be done, by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.access.principal import Role


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be asked for. `case`: about one case, so recusal holds; `fresh`: needs a fresh sign-in;
    `scope`: which part of the record it shows; `handlers`: the roles that may do it to the cases they handle, and a
    person acts in the first one of these that permits it; `joint`: those that may do it in a handling body that has
    joined a case."""

    name: str
    says: str
    case: bool = False
    fresh: bool = False
    scope: str | None = None
    handlers: tuple[Role, ...] = ()
    joint: tuple[Role, ...] = ()


def _command(name: str, says: str, *handlers: Role, fresh: bool = False, joint: tuple[Role, ...] = ()) -> Action:
    return Action(f"case.{name}", says, case=True, fresh=fresh, handlers=handlers, joint=joint)


_RESPONDERS = (Role.RESPONDER,)
_HANDLERS = (Role.RESPONDER, Role.COORDINATOR)

ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        Action("service.probe", "see whether a service is well, and its contracts"),
        Action("page.asset", "load a style sheet or picture"),
        Action("page.leave", "leave at once, and have the browser forget"),
        Action("session.sign_in", "sign in and out, and see and end one's own sessions"),
        Action("session.read", "list the sessions of another person"),
        Action("session.end", "end a session of another person"),
        Action("report.submit", "hand in a report"),
        Action("report.submit_for", "hand in a report in the name of a source"),
        Action("submission.read", "see what became of a submission of a source"),
        Action("report.follow_up", "follow a report by its receipt, and answer questions"),
        Action("report.erase", "erase a report for good", case=True, fresh=True),
        Action("vault.read", "read what was reported, for a stated purpose"),
        Action("vault.correspond", "keep a handler's words to the reporter"),
        Action("vault.name", "say for which person on the roster a token of a case stands"),
        Action("vault.import", "keep the people of measures from before Hearth"),
        Action("vault.hint", "make a report of what Hearth counted in several cases"),
        Action("vault.pseudonyms", "turn the names of a person into pseudonyms, by the proof of their sign-in"),
        Action("vault.bind_names", "turn names that a coordinator gives a person into pseudonyms, by their sign-in"),
        Action("vault.match_name", "turn a name that a responder looks for into pseudonyms"),
        Action("case.list", "see the queue", case=True, joint=_HANDLERS),
        Action("case.read", "see a case: its state, history and deadlines", case=True, joint=_HANDLERS),
        Action("case.read_content", "read what was reported", case=True, joint=_RESPONDERS),
        Action("case.tick", "say what of the playbook of a case is seen to", case=True, joint=_RESPONDERS),
        Action("case.read_elsewhere", "learn in how many other communities a person is reported", case=True),
        # A person with both roles acts as a coordinator here, who takes a case from another person.
        _command("assign", "give a case to a responder", Role.COORDINATOR, Role.RESPONDER),
        _command("claim", "take a case that nobody has", Role.RESPONDER),
        _command(
            "release", "put a case back to its handling body", Role.COORDINATOR, Role.RESPONDER, joint=_RESPONDERS
        ),
        _command("confirm_category", "confirm or correct the category of a case", Role.RESPONDER, Role.COORDINATOR),
        _command("set_flags", "say which flags fit a case", Role.RESPONDER, Role.COORDINATOR),
        _command("note", "keep a note on a case", Role.RESPONDER, joint=_RESPONDERS),
        _command("pause", "stop the clocks of a case for a while", Role.RESPONDER),
        _command("resume", "end the pause of a case", Role.RESPONDER, Role.COORDINATOR),
        _command("snooze", "see a case again later", Role.RESPONDER, joint=_RESPONDERS),
        _command("unsnooze", "see a case in its place again", Role.RESPONDER, joint=_RESPONDERS),
        _command("watch", "follow a case", Role.RESPONDER, Role.COORDINATOR, joint=_HANDLERS),
        _command("unwatch", "follow a case no longer", Role.RESPONDER, Role.COORDINATOR, joint=_HANDLERS),
        _command("refer", "refer a case to another handling body", Role.RESPONDER, Role.COORDINATOR),
        Action("case.read_referral", "see which case one's own body is asked to take over or to join", case=True),
        Action("case.read_reason", "read why one's own body is asked to take a case over or to join it", case=True),
        _command(
            "accept_referral", "accept a case that is referred to one's own body", Role.RESPONDER, Role.COORDINATOR
        ),
        _command(
            "decline_referral", "decline a case that is referred to one's own body", Role.RESPONDER, Role.COORDINATOR
        ),
        _command("recall_referral", "ask another handling body no longer", Role.RESPONDER, Role.COORDINATOR),
        _command("invite_body", "invite another handling body to join a case", Role.RESPONDER, Role.COORDINATOR),
        _command(
            "accept_invitation", "join a case to which one's own body is invited", Role.RESPONDER, Role.COORDINATOR
        ),
        _command("decline_invitation", "decline to join a case", Role.RESPONDER, Role.COORDINATOR),
        _command("end_joint", "end the joint work on a case", Role.RESPONDER, Role.COORDINATOR, joint=_HANDLERS),
        _command("split", "let one matter of a report become a case of its own", Role.RESPONDER, Role.COORDINATOR),
        _command("start", "begin to look into a case", Role.RESPONDER, joint=_RESPONDERS),
        _command("ask", "ask the reporter", Role.RESPONDER, joint=_RESPONDERS),
        _command("tell", "tell the reporter how it goes", Role.RESPONDER, joint=_RESPONDERS),
        _command(
            "take_answer",
            "take down an answer that the reporter gave by another door",
            Role.RESPONDER,
            joint=_RESPONDERS,
        ),
        _command("propose_decision", "propose an outcome to the others of the body", Role.RESPONDER, joint=_RESPONDERS),
        _command("second", "agree with a proposed outcome", Role.RESPONDER, joint=_RESPONDERS),
        _command("object", "object to a proposed outcome", Role.RESPONDER, joint=_RESPONDERS),
        _command("add_party", "say that a further person is a party to a case", Role.RESPONDER, joint=_RESPONDERS),
        _command("disclose", "record what a respondent was told", Role.RESPONDER, joint=_RESPONDERS),
        _command("decide", "decide on an outcome", Role.RESPONDER, fresh=True),
        _command("clear", "say that words which mention a person on the roster do not", Role.RESPONDER),
        _command("follow_up", "follow up what was decided", Role.RESPONDER),
        _command("check_in", "note what became of a check-in with the reporter", Role.RESPONDER),
        _command("agree", "note what people agreed on to repair what happened", Role.RESPONDER),
        _command("check_agreement", "note whether an agreement is kept", Role.RESPONDER),
        _command("close", "close a case", Role.RESPONDER),
        _command("act_in_emergency", "take a measure alone, in an emergency", Role.RESPONDER),
        _command("review_emergency", "review what another person did in an emergency", Role.RESPONDER, fresh=True),
        _command("end_measure", "end a measure before its last day", Role.RESPONDER, fresh=True),
        _command("note_return", "note what became of the conversation before a measure ends", Role.RESPONDER),
        _command("appeal", "take down the appeal of a direct party", Role.RESPONDER, Role.COORDINATOR),
        _command("decide_appeal", "decide on an appeal", Role.RESPONDER, fresh=True),
        _command("reopen", "look into a closed case again", Role.RESPONDER),
        _command("recuse", "recuse oneself or another person", Role.RESPONDER, Role.COORDINATOR, joint=_HANDLERS),
        _command(
            "confirm",
            "confirm a recusal that another person declared",
            Role.RESPONDER,
            Role.COORDINATOR,
            joint=_HANDLERS,
        ),
        _command("withdraw", "take back a recusal of another person", Role.RESPONDER, Role.COORDINATOR),
        _command("answer_recusal", "answer a party who asks for a recusal", Role.RESPONDER, Role.COORDINATOR),
        _command(
            "link", "say what a case has to do with another one", Role.RESPONDER, Role.COORDINATOR, joint=_HANDLERS
        ),
        _command(
            "unlink",
            "take back what a case has to do with another one",
            Role.RESPONDER,
            Role.COORDINATOR,
            joint=_HANDLERS,
        ),
        _command("merge", "let a case go on as part of another one", Role.RESPONDER, Role.COORDINATOR),
        _command("unmerge", "let a merged case be a case for itself again", Role.RESPONDER, Role.COORDINATOR),
        Action("draft.keep", "have what one types kept for oneself, and discard it"),
        Action("view.keep", "keep views of the queue for oneself: see, save and delete them"),
        Action("measure.list", "see which measures are in force, without the people they are about", case=True),
        Action("measure.read", "see which people a measure is about", case=True),
        Action("measure.export", "get the measures in force, with the people they are about", case=True),
        Action("measure.import", "bring measures from before Hearth into the register"),
        Action("roster.read", "see who may do what"),
        Action("roster.change", "change who may do what", fresh=True),
        Action("roster.note_names", "have the names of a person who signs in noted on the roster"),
        Action("roster.languages", "say which languages a person, or oneself, reads"),
        Action("roster.leave", "put a person, or oneself, on leave", fresh=True),
        Action("baseline.list", "see which communities have a baseline, and what differs between its versions"),
        Action("baseline.read", "see what a community attests of the baseline, and its projects"),
        Action("baseline.attest", "attest that a community meets a responsibility, or does not"),
        Action("baseline.withdraw", "take an attestation back", fresh=True),
        Action("baseline.confirm", "confirm an attestation of another person"),
        Action("baseline.annotate", "explain a result of a community's scorecard"),
        Action("baseline.list_project", "list a project that serves responsibilities"),
        Action("baseline.change_project", "change what is known of a project"),
        Action("baseline.end_project", "say that a project has ended"),
        Action("policy.read", "see the policy in force"),
        Action("policy.preview", "see which of one's recent cases a changed policy would treat otherwise"),
        Action("delivery.list", "see what was sent and what failed", case=True),
        Action("record.keys", "get the keys and the program that verify the record"),
        Action("record.heads", "see checkpoints, hash tiles and consistency proofs", scope="proof"),
        Action("record.read", "query the record", case=True, scope="meta"),
        Action("record.prove", "get the proof of an entry", case=True, scope="proof"),
        Action("record.entries", "get entries in bulk", case=True, scope="export"),
        Action("scorecard.read", "see of each community what it meets, and its level"),
        Action("scorecard.values", "see what was measured of each community, too", scope="meta"),
    )
}
