/* Several parts of a stored object in one answer (RFC 9110 14.6, 15.3.7.2).
 * DEBUG: section 33 */
#include <openssl/rand.h>
#include <stdlib.h>

#include "auth_hash.h"
#include "check.h"
#include "proxy_priv.h"
#include "xalloc.h"

#define BOUNDARY_OCTETS 16 /* nobody can guess them and put them in a body */

struct ProxyParts {
    HttpRangeSet set;
    size_t next; /* count: the end of all; more: nothing is left */
    uint64_t total;
    uint64_t base; /* the octet of the whole that is the object's first */
    char boundary[2 * BOUNDARY_OCTETS + 1];
};

/* What comes before part i, or after the last one. */
static int
formatPart(const ProxyParts *parts, size_t i, HttpSlice head, Buf *out)
{
    if (i == parts->set.count)
        return httpRangeFormatEnd(parts->boundary, out);
    const HttpPlace place = {parts->set.ranges[i], parts->total};
    return httpRangeFormatPart(head, parts->boundary, &place, out);
}

/* Of the whole body. */
static uint64_t
lengthOf(const ProxyParts *parts, HttpSlice head)
{
    const HttpRange *ranges = parts->set.ranges;
    uint64_t length = 0;
    Buf text;

    for (size_t i = 0; i <= parts->set.count; i++) {
        bufInit(&text, PROXY_OUTPUT_MAX);
        formatPart(parts, i, head, &text);
        length += bufLen(&text);
        bufFini(&text);
        if (i < parts->set.count)
            length += ranges[i].last - ranges[i].first + 1;
    }
    return length;
}

static ProxyParts *
createParts(const HttpRangeSet *set, const HttpPlace *stored)
{
    ProxyParts *parts = xcalloc(1, sizeof(*parts));
    unsigned char octets[BOUNDARY_OCTETS];

    CHECK(RAND_bytes(octets, sizeof(octets)) == 1);
    authHashHex(octets, sizeof(octets), parts->boundary);
    parts->set = *set;
    parts->total = stored->total;
    parts->base = stored->range.first;
    return parts;
}

int
proxyPartsStart(ProxyRequest *request, const HttpRangeSet *set,
                const HttpPlace *place, Buf *headOut)
{
    HttpSlice stored = cacheObjectHead(request->object);
    ProxyParts *parts = createParts(set, place);

    request->parts = parts;
    cacheReaderInitRange(&request->reader, request->object, 0, 0);
    return httpRangeFormatSet206(stored, parts->boundary,
                                 lengthOf(parts, stored), headOut);
}

void
proxyPartsGoOn(ProxyRequest *request)
{
    ProxyParts *parts = request->parts;

    if (cacheReaderLeft(&request->reader) > 0 || parts->next > parts->set.count)
        return;
    if (formatPart(parts, parts->next, cacheObjectHead(request->object),
                   &request->client->out) < 0)
        request->reply.isReset = true;
    if (parts->next < parts->set.count) {
        const HttpRange *range = &parts->set.ranges[parts->next];
        cacheReaderInitRange(&request->reader, request->object,
                             range->first - parts->base,
                             range->last - range->first + 1);
    }
    parts->next++;
}

void
proxyPartsEnd(ProxyRequest *request)
{
    free(request->parts);
    request->parts = NULL;
}
