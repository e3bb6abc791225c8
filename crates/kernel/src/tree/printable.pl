#!/usr/bin/perl
# Writes printable.rs: the runes above U+00A0 that Go's strconv.IsPrint calls printable.
#
# Printable are the categories L, M, N, P and S. The age is pinned to Unicode 13, which Go 1.16 to 1.20 know and
# hence Debian's restic 0.14 (Go 1.19): a later Go prints some younger emoji as they are. Any Perl from 5.32 on
# writes the same file. Run: perl printable.pl > printable.rs
use strict;
use warnings;

my @ranges;
for my $rune (0xA1 .. 0x10FFFF) {
    next if $rune >= 0xD800 && $rune <= 0xDFFF;
    next unless chr($rune) =~ /^(?=[\p{L}\p{M}\p{N}\p{P}\p{S}])\p{Present_In: 13.0}$/;
    if (@ranges && $ranges[-1][1] == $rune - 1) { $ranges[-1][1] = $rune }
    else                                        { push @ranges, [$rune, $rune] }
}
print "//! Which runes Go calls printable. Written by `printable.pl`; do not edit.\n\n";
print "/// First and last rune of each printable range above U+00A0, of Unicode 13, ascending.\n#[rustfmt::skip]\n";
printf "pub(super) static PRINTABLE: [(u32, u32); %d] = [\n", scalar @ranges;
while (my @row = splice @ranges, 0, 6) {
    print "    ", join(" ", map { sprintf "(0x%X, 0x%X),", @$_ } @row), "\n";
}
print "];\n";
