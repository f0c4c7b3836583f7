#!/bin/sh
# A URL rewriter: what was on old.test is now on new.test.
#
# A request is "[ID] URL more words". The ID is there when the children are
# set to concurrency=1 or more; it then goes back in front of the reply, and
# several requests may wait at a time. This program takes both. In a quoted
# value " and \ need a \ before them: URLs with these are left as they are.
while read -r id url rest; do
    case $id in *[!0-9]* | '') url=$id id= ;; *) id="$id " ;; esac
    case $url in
    *[\"\\]*) reply=ERR ;;
    http://old.test/*) reply="OK rewrite-url=\"http://new.test/${url#*test/}\"" ;;
    *) reply=ERR ;;
    esac
    printf '%s\n' "$id$reply"
done
