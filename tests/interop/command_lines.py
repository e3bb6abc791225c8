"""Command lines of restic's documents, of wrappers, and of what its flag library takes, for every verb that we have.

``@ID1@`` and the like stand for IDs of the repository that the test makes. ``READING`` leave it alone; each of
``WRITING`` gets a copy.
"""

READING = r"""
snapshots
snapshots --json
snapshots --json latest
snapshots --json @ID1@ @ID2@
snapshots --json --latest 1
snapshots --json --latest -1
snapshots --latest 0
snapshots --last
snapshots -c
snapshots --json --group-by nonsense
snapshots --json --host nowhere
snapshots --host nowhere
snapshots --json --host=
snapshots --json --tag a
snapshots --json --tag '' --tag b
snapshots --json --path /nowhere
snapshots --latest x
-v=2 snapshots
snapshots -v=2
snapshots --verbose=2
snapshots -vv --json
snapshots -v2
snapshots -v=false
snapshots -q=false
snapshots --json=false
snapshots --json=1
--tag a snapshots --json
snapshots --json=maybe
snapshots --nonsense
snapshots -qv
snapshots --no-lock --json
snapshots -o nonsense --json
snapshots -o local.nonsense=1
snapshots -o a=b -o a=c
snapshots -o local.connections=1,s3.region=x --json
snapshots --limit-upload=-1 --json
snapshots --pack-size 1000 --json
snapshots --key-hint deadbeef --json
ls latest --json
ls -l latest
ls -s size latest
ls -s=size latest
ls -ssize latest
ls --sort nonsense latest
ls --sort=time --reverse latest
ls
ls deadbeef
ls latest /nowhere
ls latest nowhere
ls latest:nowhere
ls latest --ncdu
ls latest --ncdu --json
ls latest --human-readable -l
ls latest --recursive /
ls latest --host nowhere --json
find file1
find file1 --json
find --human-readable -l file1
find -R --json file1
find nothere --json
find
find --blob deadbeef
find --blob deadbeef --json
find --tree deadbeef --json
find --pack deadbeef --json
find --blob --tree deadbeef
find --show-pack-id --blob @BLOB8@
find --tree @TREE8@ --json
find --pack @PACK8@ --json
find -s latest --json file1
find -O nonsense file1
find -O "2020-01-01 10:00" file1
find -N 2020-01-01 --json file1
stats --json
stats latest --json
stats --mode raw-data --json
stats --mode nonsense --json
stats --host nowhere --json
check --json
check --json --read-data
check --read-data-subset nonsense
check --read-data-subset 1/2 --json
check --read-data --read-data-subset 1/2
check --host nowhere --json
check deadbeef
check --tag nothing --json
check --with-cache --json
cat
cat config
cat config extra
cat masterkey extra
cat snapshot @ID1@
cat tree @ID1@
cat tree latest:nowhere
cat blob @BLOB8@
cat nonsense @ID1@
diff @ID1@ @ID2@
diff @ID1@ @ID2@ --json
diff @ID1@
dump latest @FILE@
dump latest /nowhere
dump latest
dump latest / -a nonsense
list
list packs @ID1@
list nonsense
list snapshots packs
key
key list --json
key list
key list extra
key remove
key remove deadbeef --json
version extra
version --json
cache
help
restore
restore latest --json
restore latest -t @OUT@ --json
restore latest -t @OUT@ -vv --json
restore latest -t @OUT@ --dry-run --json
restore latest -t @OUT@ --overwrite nonsense
restore latest -t @OUT@ --include a --exclude b
restore latest -t @OUT@ --host nowhere
restore latest:nowhere -t @OUT@
nonsense
"""

WRITING = r"""
key remove @KEY@
key add --new-password-file /nonexistent
key passwd --new-password-file @NEW@ --user someone --host somewhere
unlock extra
unlock --json
unlock --remove-all
backup
backup --json @SRC@
backup -q --json @SRC@
backup -xe '*.x' --json @SRC@
backup --json /nowhere
backup @SRC@ /nowhere
backup --stdin @SRC@
backup --stdin-from-command --json -- echo hello
backup --parent deadbeef --json @SRC@
backup --skip-if-unchanged --json @SRC@
backup --tag a,b --tag c --json @SRC@
backup --time nonsense @SRC@
backup --time "2020-01-01 10:00:00" --json @SRC@
backup --exclude-file /nonexistent @SRC@
backup --exclude-larger-than nonsense @SRC@
backup --read-concurrency x @SRC@
backup --group-by '' --json @SRC@
init --json
"""

ELSEWHERE = r"""
-r /nonexistent/repo snapshots --json
-r /nonexistent/repo check --json
-r /nonexistent/repo key list --json
-r /nonexistent/repo cat config
snapshots
check --json
"""
"""Without a repository, or with none at its place."""

OUR_OWN_WORDS = frozenset(("help", "key", "cache", "version", "restore", "check", "backup", "unlock"))
"""Verbs whose text for people is ours: what they say, not that they say something."""

BAD_VALUES = r"""
RESTIC_COMPRESSION=nonsense list keys
RESTIC_COMPRESSION=OFF version
RESTIC_COMPRESSION= list keys
RESTIC_COMPRESSION=nonsense cat config --compression auto
RESTIC_PACK_SIZE=nonsense list keys
RESTIC_PACK_SIZE=nonsense version
RESTIC_PACK_SIZE=1 list keys
RESTIC_PACK_SIZE=1 version
RESTIC_READ_CONCURRENCY=nonsense list keys
RESTIC_PROGRESS_FPS=nonsense list keys
RESTIC_KEY_HINT=nonsense list keys
RESTIC_CACERT=/nonexistent list keys
RESTIC_CACERT=/nonexistent version
RESTIC_TLS_CLIENT_CERT=/etc/passwd list keys
list keys --cacert /etc/passwd
list keys --insecure-no-password
RESTIC_FEATURES=nonsense version
list keys --repository-file /etc/hostname
RESTIC_REPOSITORY=/nonexistent list keys
"""
"""Variables and options that make no sense: which verbs mind."""
