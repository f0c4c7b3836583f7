/*
 * origin_priv.h: what origin_loop.c offers to the other origin files: one
 * libcurl transfer on comm, with a safe end.
 * Thread: loop.
 */
#ifndef SQUIRE_ORIGIN_PRIV_H
#define SQUIRE_ORIGIN_PRIV_H

#include <curl/curl.h>

#include "list.h"
#include "origin.h"

/* Embedded in what the transfer belongs to. */
typedef struct OriginTransfer {
    ListNode node;
    CURL *easy;
    bool isDead;    /* cancelled; freed at the end of the loop turn */
    bool isWaiting; /* silence is not the server's fault now */
    int silenceMs;  /* 0: no limit */
    int64_t lastUs; /* last sign of life */
    struct curl_slist *addrs; /* of its host, or NULL */
    struct curl_slist *connectTo; /* that host instead of the URL's, or NULL */
    TlsClient *tls;               /* NULL: plain */
    char why[CURL_ERROR_SIZE];
    /* Report the end and free the owner. */
    void (*finish)(struct OriginTransfer *transfer, OriginResult result);
    void (*release)(struct OriginTransfer *transfer);
} OriginTransfer;

/* Set *option (a CURLoption) and CHECK that libcurl knows it. */
#define ORIGIN_SET(easy, option, value)                                        \
    CHECK(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

/* Take a handle for base with the options that all transfers share. 0 or
 * -EINVAL, with nothing to undo. */
int originTransferOpen(OriginTransfer *transfer, const char *base,
                       int connectTimeoutMs);

/* Connect to these addresses of base ("http://HOST:PORT/"), in this order
 * as far as their families are the same; no more than one changes nothing.
 * Before Start. */
void originTransferPrefer(OriginTransfer *transfer, const char *base,
                          const struct sockaddr_storage *addrs, size_t count);

/* Speak TLS with base ("https://HOST:PORT/") as tls says. Before Start. */
void originTransferSecure(OriginTransfer *transfer, const char *base,
                          const OriginTls *tls);

/* Connect from this address of ours; NULL: from any. */
void originTransferFrom(OriginTransfer *transfer, const char *outgoing);

/* Its connection may be used again by others. */
void originTransferShare(OriginTransfer *transfer);

/* It ended well: watch its connection until the next transfer, so that what
 * comes meanwhile is not taken for an answer. Before originTransferClose. */
void originTransferRest(OriginTransfer *transfer);

/* Hand it to the loop; also from a callback of another one. */
void originTransferStart(OriginTransfer *transfer);

/* Give it up: finish will not run, release will, at the end of this turn. */
void originTransferDrop(OriginTransfer *transfer);

/* Give the handle back; the last act of finish and release. */
void originTransferClose(OriginTransfer *transfer);

#endif
