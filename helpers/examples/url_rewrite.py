#!/usr/bin/env python3
# A URL rewriter: what was on old.test is now on new.test.
#
# A request is "[ID] URL more words". The ID is there when the children are
# set to concurrency=1 or more; it then goes back in front of the reply, and
# several requests may wait at a time. This program takes both. Each reply is
# flushed: the parent waits for it. Octets are not always UTF-8. In a quoted
# value " and \ need a \ before them.
import re, sys
for line in sys.stdin.buffer:
    words = line.split() or [b""]
    head = words.pop(0) + b" " if words[0].isdigit() and len(words) > 1 else b""
    reply = b"ERR"
    if words[0].startswith(b"http://old.test/"):
        path = re.sub(rb'(["\\])', rb"\\\1", words[0][16:])
        reply = b'OK rewrite-url="http://new.test/%s"' % path
    sys.stdout.buffer.write(head + reply + b"\n")
    sys.stdout.buffer.flush()
