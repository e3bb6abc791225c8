"""Every verb by name, with the module that does it, which is loaded only when the verb is asked for.

A verb of two words belongs to a group. Its module has ``arguments`` and ``run`` (for a group, ``arguments_<second
word>`` and ``run_<second word>``): ``arguments(parser)`` declares options and positionals beyond the global ones,
``run(context)`` does the work and returns the exit code.
"""

from __future__ import annotations

from strongroom.base.record import record


@record
class Verb:
    """A verb as the user types it, its module in this package, and one line of help."""

    name: str
    module: str
    summary: str

    @property
    def suffix(self) -> str:
        """What distinguishes this verb's functions in a module that has several: ``_<second word>`` or nothing."""
        _, _, second = self.name.partition(" ")
        return "_" + second.replace("-", "_") if second else ""


VERBS: tuple[Verb, ...] = (
    Verb("backup", "backup", "Save files to one or several repositories in one pass"),
    Verb("restore", "restore", "Bring files back from a snapshot"),
    Verb("init", "init", "Make a new repository, or several that share their chunk boundaries"),
    Verb("snapshots", "snapshots", "List the snapshots"),
    Verb("ls", "ls", "List the files of a snapshot"),
    Verb("find", "find", "Search all snapshots for a file, or for an ID"),
    Verb("diff", "diff", "Show what differs between two snapshots"),
    Verb("dump", "dump", "Print a file of a snapshot, or a folder as tar or zip"),
    Verb("mount", "mount", "Show the snapshots as folders of a file system"),
    Verb("stats", "stats", "Count files and bytes of snapshots"),
    Verb("copy", "copy", "Copy snapshots to other repositories, several in one pass"),
    Verb("forget", "forget", "Remove snapshots by a policy, or by their IDs"),
    Verb("tag", "tag", "Change the tags of snapshots"),
    Verb("rewrite", "rewrite", "Make snapshots without some of their files, or with another host or time"),
    Verb("heal", "heal", "Give back what a repository lost, out of another one"),
    Verb("repair snapshots", "repair_snapshots", "Make whole snapshots of damaged ones"),
    Verb("check", "check", "Look for damage in a repository"),
    Verb("prune", "prune", "Remove what no snapshot needs"),
    Verb("undo", "undo", "Bring back what forget or prune removed and kept"),
    Verb("repair index", "repair", "Make the index anew from the packs"),
    Verb("repair packs", "repair", "Save what is left of damaged packs"),
    Verb("recover", "recover", "Make a snapshot of what no snapshot names any more"),
    Verb("migrate", "migrate", "Bring a repository to a newer form"),
    Verb("cat", "cat", "Print an internal object of a repository"),
    Verb("list", "list", "List the objects of a repository by kind"),
    Verb("key list", "key", "List the keys (passwords) of a repository"),
    Verb("key add", "key", "Add a key with another password"),
    Verb("key remove", "key", "Remove a key"),
    Verb("key passwd", "key", "Change the password"),
    Verb("unlock", "unlock", "Remove locks that crashed processes left behind"),
    Verb("cache", "cache", "List or clean the local caches"),
    Verb("config generate", "config", "Print a commented configuration file to begin with"),
    Verb("config validate", "config", "Check the configuration file"),
    Verb("config show", "config", "Show every setting in force and where it came from"),
    Verb("config schema", "config", "Print a JSON schema of the configuration file"),
    Verb("storage probe", "storage", "Find out what a provider really does"),
    Verb("storage policy", "storage", "Print the bucket policy for hosts without a gateway"),
    Verb("gateway serve", "gateway.serve", "Serve repositories to hosts, append-only, with receipts"),
    Verb("gateway principal", "gateway.principal", "Add, change, disable or list those who may ask the gateway"),
    Verb("gateway keys", "gateway.keys", "Admit one key to a repository whose keys are frozen"),
    Verb("gateway panic", "gateway.panic", "Make a repository read-only at once"),
    Verb("gateway trash", "gateway.trash", "List, restore or purge what a custodian deleted"),
    Verb("gateway reconcile", "gateway.reconcile", "Log what went or came behind the gateway's back"),
    Verb("gateway new-id", "gateway.new_id", "Give the copy of a repository's folder an ID of its own"),
    Verb(
        "gateway rotate-log", "gateway.rotate_log", "Begin a new log with a new key after the old one's last checkpoint"
    ),
    Verb("log show", "log", "Print the entries of a gateway's log of receipts"),
    Verb("log verify", "log", "Check a gateway's log of receipts"),
    Verb("log trust", "log", "Pin the key of a gateway's log that was rotated, or is new"),
    Verb("custody init", "custody.init", "Begin a custodian: an identity, a state, and a recovery identity to print"),
    Verb("custody adopt", "custody.adopt", "Take a repository into care"),
    Verb("custody round", "custody.round", "See, read, judge and plan, for repositories in care"),
    Verb("custody status", "custody.status", "A line for each repository in care, worst first"),
    Verb("custody incidents", "custody.incidents", "What was found wrong, and what to do"),
    Verb("custody snapshots", "custody.snapshots", "Snapshots with their arrival and verdict"),
    Verb("custody explain", "custody.snapshots", "Why a snapshot has its verdict"),
    Verb("custody source", "custody.source", "Sources of snapshots, and what is no wonder there"),
    Verb("custody accept", "custody.decide", "Say that a snapshot, a source or a key is yours"),
    Verb("custody condemn", "custody.decide", "Say that a snapshot may go"),
    Verb("custody pin", "custody.decide", "Keep a snapshot whatever the policy says"),
    Verb("custody unpin", "custody.decide", "Let the policy decide again"),
    Verb("custody wanted", "custody.care.wanted", "List the blobs that a host should give back"),
    Verb("custody card", "custody.care.card", "Write what the custodian vouches for to hosts of a fleet"),
    Verb("custody follow", "custody.care.follow", "Tell the fleet's server what was verified, judged and drilled"),
    Verb("custody kit", "custody.kit", "Print the page with which stock age and stock restic restore"),
    Verb("custody last-good", "custody.last_good", "Versions of a path, the newest good one first"),
    Verb("custody drill", "custody.drill", "Restore a sample, and prove that it is what was saved"),
    Verb("custody plan", "custody.plan", "Show, cancel or approve what may go"),
    Verb("custody execute", "custody.execute", "Let go what was held for long enough, after looking again"),
    Verb("custody executor", "custody.two_machines.executor", "Let go what a judge elsewhere planned, with own rights"),
    Verb("custody set-aside", "custody.set_aside", "Take what a host planted out of its place, at once"),
    Verb("custody repositories", "custody.care.repositories", "List what is in care, and what is kept of it"),
    Verb("custody change", "custody.care.change", "Change the policy of a repository in care, or its log"),
    Verb("custody retire", "custody.care.release", "Say that a source sends nothing more"),
    Verb("custody release", "custody.care.release", "Let a repository go out of care, or take it up again"),
    Verb("custody verify", "custody.care.verify", "Read stored objects again now"),
    Verb("custody heal", "custody.care.heal", "Bring back now what is missing, altered or damaged"),
    Verb("custody purge", "custody.care.purge", "Show what lies in the trash, and plan that it goes for good"),
    Verb("custody reseal", "custody.care.reseal", "Seal the keys to another identity"),
    Verb("custody reissue", "custody.care.reissue", "Make a repository anew after an identity leaked"),
    Verb("custody rewind", "custody.rewind", "Make a repository hold again what it held at a moment"),
    Verb("custody export", "custody.portable", "Write all that the custodian knows to one sealed file"),
    Verb("custody import", "custody.portable", "Make a state of what `custody export` wrote"),
    Verb("custody rebuild", "custody.portable", "Read a repository's catalogue anew"),
    Verb("custody replicate", "custody.replicate", "Copy a repository to another account or provider"),
    Verb(
        "custody keep",
        "custody.two_machines.keep",
        "Let go at a replica what it needs no more, on a machine of its own",
    ),
    Verb("custody operator", "custody.care.operator", "The keys with which people sign what they decide"),
    Verb("custody audit", "custody.care.audit", "Try, harmlessly, what must not work with each credential"),
    Verb("custody undo", "custody.plan", "Bring back what a plan removed"),
    Verb("schedule install", "schedule.units", "Write systemd timers for the sources that have a schedule"),
    Verb("schedule status", "schedule.show", "When each source was backed up, and when it is due"),
    Verb("schedule preview", "schedule.show", "The next five dates of each source"),
    Verb("schedule remove", "schedule.units", "Stop the timers and take their units away"),
    Verb("schedule run", "schedule.run", "Back a source up as its timer does, or all when they are due"),
    Verb("host enrol", "host.enrol", "Join a fleet with a token: key, repository, schedule, first backup"),
    Verb("host status", "host.diagnose", "What this host is in its fleet, and what waits for the server"),
    Verb("host diagnose", "host.diagnose", "Ask everything that this host hangs on"),
    Verb("host report", "host.diagnose", "Report to the fleet's server, and send what waits"),
    Verb("host try-database", "host.try_database", "Load the newest dump of a database into a scratch database"),
    Verb("fleet init", "fleet.server", "Begin a server that says which backup did not happen"),
    Verb("fleet serve", "fleet.server", "Take in reports of hosts, judge them, and tell who is to be told"),
    Verb("fleet invite", "fleet.invite", "Print a token with which a host joins"),
    Verb("fleet pending", "fleet.admitting", "List hosts that wait to be let in, beyond what their token allows"),
    Verb("fleet approve", "fleet.admitting", "Let in a host that waits"),
    Verb("fleet deny", "fleet.admitting", "Let in none of these hosts that wait"),
    Verb("fleet status", "fleet.status", "A line for each watch, worst first"),
    Verb("fleet alerts", "fleet.alerts", "List open alerts, or say that one was seen"),
    Verb("fleet channels", "fleet.channels", "Say by which ways alerts reach people"),
    Verb("fleet expect", "fleet.hosts", "Say how often a host backs up that has stock restic and no agent"),
    Verb("fleet tokens", "fleet.tokens", "Let a program read the API and the metrics"),
    Verb("fleet ask", "fleet.asking", "Ask a host for a report or a run, where its own file allows that"),
    Verb("fleet tag", "fleet.hosts", "Give a host tags, by which channels and tokens choose hosts"),
    Verb("fleet pause", "fleet.hosts", "Alarm about nothing but suspicion for a time"),
    Verb("fleet retire", "fleet.hosts", "Watch no longer what is backed up no longer"),
    Verb("fleet revoke", "fleet.hosts", "Let a host in no more"),
    Verb("witness serve", "witness", "Countersign the logs of gateways"),
    Verb("features", "features", "List restic's feature flags and how each stands here"),
    Verb("options", "extended_options", "List what -o KEY=VALUE takes"),
    Verb("generate", "generate", "Write manual pages, and completions for bash, zsh and fish"),
    Verb("version", "version", "Print the version"),
)

ALIASES = {"rebuild-index": "repair index"}
"""Names of old that scripts still call: restic takes them, too."""

RESTICS = {
    "self-update": "Update Strongroom the way it was installed.",
}
"""restic's verbs that are not here, and what to do instead."""


def group_of(word: str) -> list[Verb]:
    """The verbs of a group; empty when there is no such group."""
    return [verb for verb in VERBS if verb.name.startswith(word + " ")]
