/* The manager's documents of distances and parents. DEBUG: section 16 */
#include <string.h>

#include "address.h"
#include "json_text.h"
#include "manager_priv.h"

/* One array that is being written. */
typedef struct Rows {
    Buf *out;
    bool isNext; /* a comma is due */
} Rows;

static void
beginRow(Rows *rows)
{
    bufPrintf(rows->out, "%s\n  {", rows->isNext ? "," : "");
    rows->isNext = true;
}

static void
putText(Buf *out, const char *name, const char *text)
{
    bufPrintf(out, "\"%s\": ", name);
    jsonTextPut(out, text, strlen(text));
}

static void
putDistance(const RttRow *row, void *data)
{
    Rows *rows = data;
    char text[ADDRESS_TEXT_MAX];

    beginRow(rows);
    addressFormat((const struct sockaddr *)&row->addr, text);
    putText(rows->out, "address", text);
    if (row->rttUs > 0)
        bufPrintf(rows->out, ", \"rtt_ms\": %.3f", (double)row->rttUs / 1000);
    else
        bufPrintf(rows->out, ", \"rtt_ms\": null");
    bufPrintf(rows->out, ", \"hops\": %u, \"samples\": %llu", row->hops,
              (unsigned long long)row->samples);
    if (row->ageUs >= 0)
        bufPrintf(rows->out, ", \"age\": %.3f}", (double)row->ageUs / 1e6);
    else
        bufPrintf(rows->out, ", \"age\": null}");
}

int
managerWritePinger(Buf *out, const Proxy *proxy)
{
    Rows rows = {.out = out};

    bufPrintf(out, "[");
    pingerForEach(proxyPinger(proxy), putDistance, &rows);
    return bufPrintf(out, "\n]\n");
}

static void
putPeer(const PeerRow *row, void *data)
{
    Rows *rows = data;

    beginRow(rows);
    putText(rows->out, "name", row->name);
    bufPrintf(rows->out, ", ");
    putText(rows->out, "host", row->host);
    bufPrintf(rows->out,
              ", \"port\": %u, \"state\": \"%s\", \"requests\": %llu, "
              "\"failures\": %llu}",
              row->port, row->isDead ? "dead" : "alive",
              (unsigned long long)row->picked, (unsigned long long)row->failed);
}

int
managerWritePeers(Buf *out, const Proxy *proxy)
{
    Rows rows = {.out = out};

    bufPrintf(out, "[");
    if (proxyPeers(proxy) != NULL)
        peerSetForEach(proxyPeers(proxy), putPeer, &rows);
    return bufPrintf(out, "\n]\n");
}
