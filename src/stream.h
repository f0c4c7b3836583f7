/*
 * stream.h: a connected socket, plain or TLS: whoever reads and writes it
 * does not care which. It has one who waits for reading and one who waits
 * for writing at a time. A Stream is a handle: it may be copied to move it.
 * Thread: loop.
 */
#ifndef SQUIRE_STREAM_H
#define SQUIRE_STREAM_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "comm.h"
#include "tls.h"

typedef struct Stream {
    int fd;                /* -1: none, or closed */
    struct StreamTls *tls; /* NULL: plain */
} Stream;

/* Octets over fd, or over tls if that is not NULL. Takes both; returns owned
 * until streamClose. comm gets to know fd with the first wait at the latest,
 * and must know it when it is closed. */
Stream streamOpen(int fd, TlsStream *tls);

/* Give the stream to somebody else: nobody waits for it then. *stream is
 * left closed. */
Stream streamTake(Stream *stream);

/* Its TLS, or NULL; borrowed until streamClose or streamTake. */
const TlsStream *streamTls(const Stream *stream);

/* As recv(2) without waiting. */
ssize_t streamRead(Stream *stream, void *out, size_t size);

/* As writev(2) without waiting. After EAGAIN the next call must begin with
 * the same octets. */
ssize_t streamWritev(Stream *stream, const struct iovec *iov, int count);

/* Call handler once when reading may succeed; NULL cancels. */
void streamWaitRead(Stream *stream, CommSelectCb *handler, void *data);

/* Call handler once when writing may succeed; NULL cancels. */
void streamWaitWrite(Stream *stream, CommSelectCb *handler, void *data);

/* Nothing more is written; the other side is told. 0, or -1 with errno. */
int streamShutdown(Stream *stream);

/* Let streamClose look like an accident to the other side. */
void streamReset(Stream *stream);

/* Close it; the other side is told. Harmless on a closed one. */
void streamClose(Stream *stream);

#endif
