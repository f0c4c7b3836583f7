/*
 * http_priv.h: what the http modules share among themselves.
 * Thread: the owner of the object.
 */
#ifndef SQUIRE_HTTP_PRIV_H
#define SQUIRE_HTTP_PRIV_H

#include "http_freshness.h"
#include "http_header.h"
#include "http_message.h"
#include "http_parse.h"

/* How far the raw octets of a head have been looked at. */
typedef struct HttpHeadScan {
    size_t lineStart; /* where the line that is not complete begins */
    size_t seen;      /* octets looked at for its end */
    size_t lines;     /* complete lines */
    size_t lineLen;   /* of the first line, without CR LF */
} HttpHeadScan;

/*
 * Room for len octets in the arena, contiguous and for good; the caller
 * fills it. NULL when the bound would be exceeded.
 */
char *httpHeaderText(HttpHeaders *headers, size_t len);

/*
 * Append a field whose text lies in the arena and has been checked.
 * -ENOBUFS when there are HTTP_HEADER_FIELDS_MAX already.
 */
int httpHeaderAddChecked(HttpHeaders *headers, HttpSlice name, HttpSlice value);

/*
 * Look for the empty line that ends a head and check each line on the way
 * for what the engines let pass. text: the head from its first octet; the
 * scan goes on where it was. headLenOut: 0 while there is no end, else the
 * length with the empty line.
 */
HttpParseError httpHeadScan(HttpHeadScan *scan, const HttpParseLimits *limits,
                            HttpSlice text, size_t *headLenOut);

/*
 * Make a request of a complete head that was scanned; copies it. lineLen:
 * of the request line.
 */
HttpParseError httpHeadParse(HttpRequest *request, HttpSlice head,
                             size_t lineLen);

/*
 * Body length and coding of a message from its fields, as RFC 9112 6.3 has
 * it for requests. On an error nothing is written.
 */
HttpParseError httpHeadFraming(const HttpHeaders *headers, unsigned minor,
                               HttpFraming *framingOut, uint64_t *lengthOut);

/*
 * Run the library's parser over a complete head in the request's arena and
 * add the fields it finds; the request line has been read. Built once for
 * http-parser, once for llhttp.
 */
HttpParseError httpEngineParse(HttpRequest *request, HttpSlice head);

/* No directive is given. */
#define HTTP_CACHE_CONTROL_NONE                                                \
    {                                                                          \
        0, false, -1, -1, -1, -1, -1, -1                                       \
    }

/*
 * Set the directive of that name to seconds; what is negative counts as no
 * number. Other names do nothing.
 */
void httpCacheControlSetDelta(HttpCacheControl *control, HttpSlice name,
                              int64_t seconds);

/*
 * Set the directive of that name; one about some fields only (RFC 9111
 * 5.2.2.4, 5.2.2.7) says nothing about the response. value may be absent.
 */
void httpCacheControlSetFlag(HttpCacheControl *control, HttpSlice name,
                             HttpSlice value);

#endif
