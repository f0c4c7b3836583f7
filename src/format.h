/*
 * format.h: texts with % codes, as logformat has them: for what helpers are
 * told about a request, and for access logs.
 *
 * %[QUOTE][-][0][WIDTH][.MAX]CODE, with {ARGUMENT} before or after CODE:
 * the codes are rows of a table in format.c. A value that is missing or
 * empty is "-". Without QUOTE, what may hold any octet (URLs, header fields,
 * user names, notes) is %-escaped, "%" too, so that a value is one word and
 * can be decoded. QUOTE: # the same for everything, " backslashes before
 * quotes, [ %XX for controls and brackets, / a shell word, ' as it is.
 * Pure; thread: any.
 */
#ifndef SQUIRE_FORMAT_H
#define SQUIRE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "http_header.h"
#include "note.h"

typedef struct Format Format;

/* A URL and its parts. */
typedef struct FormatUrl {
    HttpSlice url;      /* CONNECT: host:port */
    const char *scheme; /* NULL for CONNECT */
    HttpSlice host;
    unsigned port;
    HttpSlice path; /* with the query; absent for CONNECT */
} FormatUrl;

/* What came of a request, for logs; all borrowed. */
typedef struct FormatLog {
    int64_t wallUs;        /* its end */
    int64_t elapsedUs;     /* since its first octet */
    uint64_t number;       /* of the request, since the start */
    const char *result;    /* "TCP_MISS" */
    const char *end;       /* "_ABORTED", or "" */
    const char *hierarchy; /* "HIER_DIRECT" */
    const char *peer;      /* address of the origin, or NULL */
    const char *peerName;  /* of a parent, or NULL */
    unsigned peerPort;     /* 0: not known, as the next two */
    const char *ownAddr;   /* our end of that connection */
    unsigned ownPort;
    int64_t peerMs;        /* from the last asking of an origin to its last
                              octet; -1: none was asked */
    int64_t peersMs;       /* the same from the first */
    unsigned minor;        /* of the request's HTTP version */
    int status;            /* sent; 0: none */
    int originStatus;      /* the same of the origin's answer */
    uint64_t received;     /* octets of the request */
    uint64_t receivedHead; /* those of its head */
    uint64_t sent;         /* octets of the answer */
    uint64_t originBody;   /* octets of the origin's body */
    const char *type;      /* of the answer's content */
    const char *error;     /* "ERR_DNS_FAIL" when we made the answer, or NULL */
    bool stripQuery;       /* leave out what follows the ? in %ru */
} FormatLog;

/* What a request is, as far as codes show it; all borrowed. What is absent
 * (NULL, port 0) is shown as "-". */
typedef struct FormatInput {
    const struct sockaddr *client;
    const char *clientName; /* of its address, as far as it was looked up */
    const struct sockaddr *local;
    const struct TlsStream *tls; /* the client's; NULL: plain */
    HttpSlice method;
    FormatUrl url;               /* as it is now */
    const FormatUrl *clientUrl;  /* before it was rewritten, or NULL */
    const HttpHeaders *request;  /* its fields */
    const HttpHeaders *response; /* of the origin */
    const char *user;            /* whose credentials they are */
    const char *extUser;         /* as an external acl said */
    const char *extLog;
    const char *extTag;
    const NoteList *notes;
    const NoteList *clientNotes;
    const char *aclName;
    HttpSlice data; /* %DATA: words that are escaped already */
    const FormatLog *log; /* NULL: not at its end yet */
} FormatInput;

/* What is wrong with a code (isUnknown), or that it always is absent; text is
 * borrowed. */
typedef void FormatComplainCb(const char *text, bool isUnknown, void *data);

/* Make ready what text says. An unknown code is told and becomes "-".
 * Returns owned. */
Format *formatCreate(const char *text, FormatComplainCb *complain, void *data);

/*
 * The same for a line of a log: what stands in "..." or [...] is escaped as
 * QUOTE " or [ does, other values as far as octets would break a line or a
 * word (the percent sign is left alone). No value makes it fail.
 */
Format *formatCreateLog(const char *text, FormatComplainCb *complain,
                        void *data);

/* Print all codes with what they show, as roff. */
void formatPrintCodes(FILE *out);

/* Free it. Clears *format; NULL inside is accepted. */
void formatDestroy(Format **format);

/* True when there is nothing in it. */
bool formatIsEmpty(const Format *format);

/* True when it has that code in some form: "ul", "DATA". */
bool formatHas(const Format *format, const char *code);

/*
 * Write the text with all values to out[0 .. size), without NUL. Returns the
 * octets; -EMSGSIZE there is no room, -EINVAL a value has an octet that
 * cannot be carried: NUL, or the end of a line where it is not escaped.
 */
ssize_t formatExpand(const Format *format, const FormatInput *input, char *out,
                     size_t size);

/* The same for a log: what has no room is cut off. The octets. */
size_t formatExpandLog(const Format *format, const FormatInput *input,
                       char *out, size_t size);

/* Write the values that no other quoting is given for as `quote` does. */
void formatSetQuote(Format *format, char quote);

/* Append one value to out[*used .. size) as the quoting `quote` (# " [ / ')
 * writes it. Errors as formatExpand; *used is unchanged then. */
int formatValue(char quote, HttpSlice value, char *out, size_t size,
                size_t *used);

#endif
