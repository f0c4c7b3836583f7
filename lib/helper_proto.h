/*
 * helper_proto.h: the helper line protocol as pure functions: no I/O, no
 * allocation. Shared by the pools and by helper programs.
 * (doc/helper-protocol.md is the wire specification.) Thread: any.
 */
#ifndef SQUIRE_HELPER_PROTO_H
#define SQUIRE_HELPER_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HELPER_PROTO_LINE_MAX 8191     /* default request limit with LF */
#define HELPER_PROTO_PAIRS_MAX 24      /* key=value pairs kept of a reply */
#define HELPER_PROTO_ID_MAX 2147483647 /* channel-IDs fit 31 bits */

typedef enum HelperResult {
    HELPER_UNKNOWN, /* no known result word: legacy forms, whole line in text */
    HELPER_OK,
    HELPER_ERR, /* also the empty line */
    HELPER_BH,
    HELPER_TT,
    HELPER_AF,
    HELPER_NA,
    HELPER_TIMEOUT,  /* the four below are made by the pool, never parsed */
    HELPER_OVERLOAD,
    HELPER_SHUTDOWN,
    HELPER_RESULT_COUNT
} HelperResult;

typedef struct HelperPair {
    const char *key;   /* NUL-terminated */
    const char *value; /* decoded, NUL-terminated */
    size_t valueLen;
} HelperPair;

/* Who made a reply. */
typedef enum HelperSource {
    HELPER_SOURCE_PROCESS, /* a helper, just now */
    HELPER_SOURCE_CACHE,   /* a kept answer that is fresh */
    HELPER_SOURCE_STALE,   /* a kept answer past its ttl */
    HELPER_SOURCE_POOL,    /* the pool: timeout, overload, fail=open ... */
    HELPER_SOURCE_COUNT
} HelperSource;

typedef struct HelperReply {
    HelperResult result;
    HelperSource source;
    const char *line; /* as it was said, without ID and line end; NULL when
                         the pool made the reply */
    size_t lineLen;
    const char *text; /* after the result word and its blanks; the whole line
                         for HELPER_UNKNOWN. Never NULL, NUL-terminated */
    size_t textLen;
    const char *message; /* free text: what follows the pairs, "" if none */
    unsigned pairCount;
    HelperPair pairs[HELPER_PROTO_PAIRS_MAX]; /* the first pairCount are set */
} HelperReply;

/* The name of a result: "OK", "TIMEOUT"; "UNKNOWN" for anything else. */
const char *helperProtoResultName(HelperResult result);

/*
 * Parse one reply without channel-ID and without its end octet, which the
 * caller has replaced by a NUL at line[len]; a CR just before it is replaced
 * too. scratch (CHECKed: scratchSize >= len + 2) receives the decoded pairs;
 * reply borrows line and scratch. Any octet but NUL may occur in the text, so
 * a body that may hold LF and ends at 0x01 is parsed the same way.
 *
 * OK, ERR, BH: pairs up to the first word that is not key=value, the rest is
 * message. TT: first word is the pair "token". AF: one word is "user", two
 * are "token" and "user"; pairs may follow both. NA: all text is message.
 * The empty line is ERR. Anything else (bare URL, 30N:URL, !group!URL, bare
 * HA1) is HELPER_UNKNOWN with the whole line as text. Values: a token is
 * %-decoded, "..." has backslash escapes. Pairs beyond the maximum are
 * dropped.
 * 0, or -EBADMSG for a NUL in the line or a control octet in a decoded value:
 * reply is then HELPER_UNKNOWN, has no pairs, and message is the reason.
 */
int helperProtoParseReply(char *line, size_t len, char *scratch,
                          size_t scratchSize, HelperReply *reply);

/* The value of the first pair with this key, or NULL; borrowed. */
const char *helperReplyGet(const HelperReply *reply, const char *key);

/*
 * Read a channel-ID: digits followed by blanks or the end. Returns the
 * octets consumed including the blanks with *idOut set, or 0 when the line
 * does not begin with a valid ID (<= HELPER_PROTO_ID_MAX).
 */
size_t helperProtoParseId(const char *line, size_t len, uint32_t *idOut);

/* Write "ID " at out (>= 12 octets); returns the octets, no NUL. */
size_t helperProtoFormatId(uint32_t id, char *out);

typedef enum HelperQuote {
    HELPER_QUOTE_NONE,   /* as it is */
    HELPER_QUOTE_URL,    /* octets <= 0x20, >= 0x7f, % and unsafe ones as %XX */
    HELPER_QUOTE_STRING, /* always "...", with \" \\ \n \r inside */
    HELPER_QUOTE_COUNT
} HelperQuote;

/*
 * Append value, quoted, to out[*used .. size). Updates *used, writes no NUL.
 * 0; -ENOBUFS; or -EINVAL for an octet that this quoting cannot carry: NUL in
 * all, LF in HELPER_QUOTE_NONE, control octets other than LF and CR in
 * HELPER_QUOTE_STRING. *used is unchanged on error.
 */
int helperProtoQuote(HelperQuote quote, const char *value, size_t len,
                     char *out, size_t size, size_t *used);

/* Decode %XX (and %%) in place; %00 and broken escapes stay. New length. */
size_t helperProtoUnescape(char *text, size_t len);

/*
 * Format a reply line with LF. OK, ERR, BH: [ID SP] result [key="value"...]
 * [message]; the others: [ID SP] [TT|AF|NA SP] text. id < 0 means no ID.
 * Parsing the line gives the same reply, unless message begins with a blank
 * or with key=value. Octets written without NUL, or -ENOBUFS, or -EINVAL: a
 * result of the pool, a control octet in a value, NUL or LF in the text or
 * CR at its end, a bad key.
 */
ssize_t helperProtoFormatReply(int64_t id, const HelperReply *reply,
                               char *out, size_t size);

#ifdef __cplusplus
}
#endif

#endif
