/*
 * http_stored.h: the lines of a stored head, one after another. Pure; thread:
 * any.
 */
#ifndef SQUIRE_HTTP_STORED_H
#define SQUIRE_HTTP_STORED_H

#include <stdbool.h>

#include "http_header.h"
#include "http_slice.h"

typedef struct HttpStoredLine {
    HttpSlice text;  /* all of it, with CR LF */
    HttpHeaderId id; /* HTTP_HEADER_OTHER also for the status line */
    HttpSlice value; /* absent: the status line */
} HttpStoredLine;

/* Cut the first line off *rest, which is (what is left of) a head as
 * httpResponseFormatHead wrote it. False at the end; slices borrow it. */
bool httpStoredNext(HttpSlice *rest, HttpStoredLine *lineOut);

#endif
