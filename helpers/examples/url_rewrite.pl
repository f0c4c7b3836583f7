#!/usr/bin/perl
# A URL rewriter: what was on old.test is now on new.test.
#
# A request is "[ID] URL more words". The ID is there when the children are
# set to concurrency=1 or more; it then goes back in front of the reply, and
# several requests may wait at a time. This program takes both. Without $| the
# replies would stay in a buffer and the parent would wait for ever. In a
# quoted value " and \ need a \ before them.
use strict;
use warnings;
$| = 1;
while (<STDIN>) {
    my ($id, $url) = /^((?:\d+[ \t]+)?)(\S*)/;
    my $moved = $url =~ s{^http://old\.test/}{http://new.test/};
    $url =~ s/(["\\])/\\$1/g;
    print $id, $moved ? qq(OK rewrite-url="$url"\n) : "ERR\n";
}
