"""The keys of ``[retention.NAME]``: a policy of ``forget``, and what ``prune`` does after it."""

from __future__ import annotations

from strongroom.base.configuration.checks import keep_count, size_text, span_text, text, texts, truth, unused_text
from strongroom.base.configuration.document import Key

RETENTION_KEYS: dict[str, Key] = {
    "repositories": Key(texts, '["local"]', "which repositories; all of this file when left out"),
    "keep_last": Key(keep_count, "3", 'keep the last so many snapshots; "unlimited" keeps all, here and below'),
    "keep_hourly": Key(keep_count, "24", "keep the last so many hourly snapshots"),
    "keep_daily": Key(keep_count, "7", "keep the last so many daily snapshots"),
    "keep_weekly": Key(keep_count, "5", "keep the last so many weekly snapshots"),
    "keep_monthly": Key(keep_count, "12", "keep the last so many monthly snapshots"),
    "keep_yearly": Key(keep_count, "10", "keep the last so many yearly snapshots"),
    "keep_within": Key(span_text, '"2d"', "keep all within this span before the latest; m is months"),
    "keep_within_hourly": Key(span_text, '"7d"', "keep hourly ones within this span"),
    "keep_within_daily": Key(span_text, '"1m"', "keep daily ones within this span"),
    "keep_within_weekly": Key(span_text, '"3m"', "keep weekly ones within this span"),
    "keep_within_monthly": Key(span_text, '"2y"', "keep monthly ones within this span"),
    "keep_within_yearly": Key(span_text, '"75y"', "keep yearly ones within this span"),
    "keep_tags": Key(texts, '["forever", "a,b"]', "keep snapshots that have all tags of one of these"),
    "hosts": Key(texts, '["laptop"]', "look at snapshots of these hosts alone"),
    "paths": Key(texts, '["/home"]', "look at snapshots that have all these paths alone"),
    "tags": Key(texts, '["nightly"]', "look at snapshots that have all tags of one of these alone"),
    "group_by": Key(text, '"host,paths"', "what the snapshots of a group have in common"),
    "guarded": Key(truth, "false", "count by when the store got a snapshot, which no host sets"),
    "detection_window": Key(span_text, '"14d"', "guarded: remove and count nothing that is younger"),
    "prune": Key(truth, "true", "prune when snapshots were removed"),
    "max_unused": Key(unused_text, '"5%"', "how much may stay unused: a share, a size or unlimited"),
    "max_repack_size": Key(size_text, '"50G"', "pack no more than this anew in one run"),
    "repack_cacheable_only": Key(truth, "false", "pack anew only what is cached"),
    "repack_uncompressed": Key(truth, "false", "pack all anew that is not compressed"),
    "repack_smaller_than": Key(size_text, '"8M"', "pack smaller packs anew together"),
    "trust_index": Key(truth, "false", "prune as restic does, and believe what the index says"),
}
