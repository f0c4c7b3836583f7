/*
 * format.h: texts with % codes, as logformat has them, for what helpers are
 * told about a request.
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

/* What a request is, as far as codes show it; all borrowed. What is absent
 * (NULL, port 0) is shown as "-". */
typedef struct FormatInput {
    const struct sockaddr *client;
    const struct sockaddr *local;
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
} FormatInput;

/* What is wrong with a code; borrowed. */
typedef void FormatComplainCb(const char *text, void *data);

/* Make ready what text says. An unknown code is told and becomes "-".
 * Returns owned. */
Format *formatCreate(const char *text, FormatComplainCb *complain, void *data);

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

/* Write the values that no other quoting is given for as `quote` does. */
void formatSetQuote(Format *format, char quote);

/* Append one value to out[*used .. size) as the quoting `quote` (# " [ / ')
 * writes it. Errors as formatExpand; *used is unchanged then. */
int formatValue(char quote, HttpSlice value, char *out, size_t size,
                size_t *used);

#endif
