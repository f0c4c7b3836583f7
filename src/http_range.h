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
 * Append the head of a 206 made from a stored head (as httpCondFormat304)
 * of a representation of length octets: RFC 9110 15.3.7. Without the empty
 * line. 0, or -ENOBUFS.
 */
int httpRangeFormat206(HttpSlice storedHead, const HttpRange *range,
                       uint64_t length, Buf *out);

#endif
