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

/* More than these are taken for an attack (RFC 9110 17.15): the whole. */
#define HTTP_RANGES_MAX 16
#define HTTP_RANGE_OVERLAPS_MAX 1

/* Ranges that have gaps between them, in the order they were asked for. */
typedef struct HttpRangeSet {
    HttpRange ranges[HTTP_RANGES_MAX];
    size_t count;
} HttpRangeSet;

/* What a Content-Range says: "bytes 0-4/10" or "bytes 0-4/" and a star. */
typedef struct HttpPlace {
    HttpRange range;
    uint64_t total; /* or HTTP_TOTAL_UNKNOWN */
} HttpPlace;

/* What a Range field asks of a representation. */
typedef enum HttpRangeResult {
    HTTP_RANGE_WHOLE,         /* no range, malformed, or an attack: all of it */
    HTTP_RANGE_PART,          /* 206 */
    HTTP_RANGE_UNSATISFIABLE, /* 416 */
    HTTP_RANGE_RESULT_COUNT
} HttpRangeResult;

/*
 * The first octet of the only range that is asked for, or HTTP_TOTAL_UNKNOWN
 * when it is counted from the end. False: several, or none.
 */
bool httpRangeFirst(const HttpHeaders *request, uint64_t *firstOut);

/*
 * Which parts of a representation of length octets a GET with these fields
 * gets (RFC 9110 14.1.2, 14.2). If-Range (13.1.5) is compared with what is
 * stored: where it fails, the whole. Ranges that are not there are left out,
 * those that overlap or follow each other are one (15.3.7.2). setOut is
 * written for HTTP_RANGE_PART only, then it has at least one.
 */
HttpRangeResult httpRangeResolve(const HttpHeaders *request,
                                 const HttpValidators *stored, uint64_t length,
                                 time_t now, HttpRangeSet *setOut);

/*
 * The same for a stored part: HTTP_RANGE_PART only if all that is asked for is
 * in it; an open end needs a known total.
 */
HttpRangeResult httpRangeResolvePart(const HttpHeaders *request,
                                     const HttpValidators *stored,
                                     const HttpPlace *part, time_t now,
                                     HttpRangeSet *setOut);

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

/*
 * The same for several parts (RFC 9110 14.6), whose body has length octets.
 * boundary: a token that is not in the body.
 */
int httpRangeFormatSet206(HttpSlice storedHead, const char *boundary,
                          uint64_t length, Buf *out);

/* Append what comes in that body before the octets of a part. 0, or
 * -ENOBUFS. */
int httpRangeFormatPart(HttpSlice storedHead, const char *boundary,
                        const HttpPlace *place, Buf *out);

/* Append what comes after the last part. 0, or -ENOBUFS. */
int httpRangeFormatEnd(const char *boundary, Buf *out);

/* Append "bytes 0-4/10". 0, or -ENOBUFS. */
int httpRangeFormatPlace(const HttpPlace *place, Buf *out);

#endif
