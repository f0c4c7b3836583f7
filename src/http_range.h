/*
 * http_range.h: parts of a stored response. RFC 9110 14. Pure; thread: any.
 */
#ifndef SQUIRE_HTTP_RANGE_H
#define SQUIRE_HTTP_RANGE_H

#include <stdint.h>

#include "buf.h"
#include "http_cond.h"
#include "http_header.h"

/* Octets of a representation; both ends belong to it. */
typedef struct HttpRange {
    uint64_t first;
    uint64_t last;
} HttpRange;

#define HTTP_TOTAL_UNKNOWN UINT64_MAX

/* What a Content-Range says: "bytes 0-4/10" or "bytes 0-4/" and a star. */
typedef struct HttpPlace {
    HttpRange range;
    uint64_t total; /* or HTTP_TOTAL_UNKNOWN */
} HttpPlace;

/* What a Range field asks of a representation of known length. */
typedef enum HttpRangeResult {
    HTTP_RANGE_WHOLE,         /* no range, malformed, or several: all of it */
    HTTP_RANGE_PART,          /* 206 */
    HTTP_RANGE_UNSATISFIABLE, /* 416 */
    HTTP_RANGE_RESULT_COUNT
} HttpRangeResult;

/*
 * Which part of a representation of length octets a GET with these fields
 * gets (RFC 9110 14.1.2, 14.2). If-Range (13.1.5) is compared with what is
 * stored: where it fails, the whole. Several ranges count as none, which 14.2
 * allows. rangeOut is written for HTTP_RANGE_PART only.
 */
HttpRangeResult httpRangeResolve(const HttpHeaders *request,
                                 const HttpValidators *stored, uint64_t length,
                                 time_t now, HttpRange *rangeOut);

/*
 * The same for a stored part: HTTP_RANGE_PART only if all that is asked for
 * is in it; an open end needs a known total.
 */
HttpRangeResult httpRangeResolvePart(const HttpHeaders *request,
                                     const HttpValidators *stored,
                                     const HttpPlace *part, time_t now,
                                     HttpRange *rangeOut);

/*
 * Where the body of a 206 belongs (RFC 9110 14.4). False: several parts, or
 * a Content-Range that is missing, malformed or not of this body's length.
 */
bool httpRangePlace(const HttpHeaders *response, HttpPlace *placeOut);

/* The same of a stored head (as httpCondFormat304). */
bool httpRangePlaceOf(HttpSlice storedHead, HttpPlace *placeOut);

/*
 * Append the head of a 206 made from a stored head of a whole or a part: RFC
 * 9110 15.3.7. Without the empty line. 0, or -ENOBUFS.
 */
int httpRangeFormat206(HttpSlice storedHead, const HttpPlace *place, Buf *out);

/* Append "bytes 0-4/10". 0, or -ENOBUFS. */
int httpRangeFormatPlace(const HttpPlace *place, Buf *out);

#endif
