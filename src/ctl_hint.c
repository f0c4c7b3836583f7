/* ctl_hint.c: what is likely wrong with a helper's answer. */
#include "ctl_hint.h"

#include <string.h>
#include <strings.h>

void
ctlHintAdd(CtlHints *hints, const char *text)
{
    if (hints->count < CTL_HINTS_MAX)
        hints->texts[hints->count++] = text;
}

/* True when a value that begins with a quote has no other. */
static bool
isQuoteOpen(const char *line, size_t len)
{
    bool isOpen = false;

    for (size_t i = 0; i < len; i++) {
        if (isOpen && line[i] == '\\')
            i++;
        else if (line[i] == '"')
            isOpen = !isOpen;
    }
    return isOpen;
}

static bool
hasBlankedEquals(const char *line, size_t len)
{
    for (size_t i = 1; i < len; i++)
        if (line[i] == '=' &&
            (line[i - 1] == ' ' || (i + 1 < len && line[i + 1] == ' ')))
            return true;
    return false;
}

/* A result word in the wrong case, at the start of the line. */
static bool
isWordMisspelt(const char *line, size_t len)
{
    static const char *const words[] = {"OK", "ERR", "BH", "TT", "AF", "NA"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t wordLen = strlen(words[i]);
        bool isWhole =
            len == wordLen || (len > wordLen && strchr(" \t:,", line[wordLen]));
        if (len >= wordLen && isWhole &&
            strncasecmp(line, words[i], wordLen) == 0)
            return true;
    }
    return false;
}

static bool
hasUnknownKey(const HelperReply *reply)
{
    static const char *const known[] = {
        "clt_conn_tag", "group",       "ha1",    "log",      "message",
        "nonce",        "password",    "status", "store-id", "tag",
        "token",        "rewrite-url", "ttl",    "url",      "user",
    };

    for (unsigned i = 0; i < reply->pairCount; i++) {
        const char *key = reply->pairs[i].key;
        size_t len = strlen(key), j = 0;

        if (len > 0 && key[len - 1] == '_')
            continue;
        while (j < sizeof(known) / sizeof(known[0]) &&
               strcmp(known[j], key) != 0)
            j++;
        if (j == sizeof(known) / sizeof(known[0]))
            return true;
    }
    return false;
}

static void
hintUnknown(CtlHints *hints, const char *line, size_t len)
{
    if (isWordMisspelt(line, len))
        ctlHintAdd(hints, "a result word is in capitals (OK, ERR, BH) and ends "
                          "at a blank or at the end of the line");
    else
        ctlHintAdd(hints, "it begins with no result word (OK, ERR, BH): only "
                          "URL rewriters may answer so, in the old form");
}

void
ctlHintAnswer(CtlHints *hints, const char *line, size_t len,
              const HelperReply *reply)
{
    if (reply->result == HELPER_UNKNOWN && len > 0)
        hintUnknown(hints, line, len);
    if (isQuoteOpen(line, len))
        ctlHintAdd(hints, "a quote is not closed: the rest of the line is "
                          "taken as the value; write \\\" for a quote in it");
    if (reply->result != HELPER_UNKNOWN && hasBlankedEquals(line, len))
        ctlHintAdd(hints, "there is no blank beside the = of key=value; the "
                          "pairs end there");
    if (hasUnknownKey(reply))
        ctlHintAdd(hints, "Squid warns of a key that it does not know unless "
                          "its name ends in _");
}

void
ctlHintId(CtlHints *hints, const char *line, size_t len, bool isDue, bool hasId)
{
    if (isDue && !hasId)
        ctlHintAdd(hints, "the answer has no channel-ID: this program does not "
                          "know them; concurrency=0, or squire-mux");
    if (!isDue && hasId && (len == 0 || line[0] < '0' || line[0] > '9'))
        ctlHintAdd(hints, "the answer begins with a number, as if it were a "
                          "channel-ID; none was sent: concurrency= is needed?");
}
