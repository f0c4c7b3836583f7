/*
 * manager_stream.h: an answer of the manager that goes on: chunks as they
 * come. What a slow reader does not take in time is counted, not kept, and it
 * is told how many it missed. Thread: loop.
 */
#ifndef SQUIRE_MANAGER_STREAM_H
#define SQUIRE_MANAGER_STREAM_H

#include "manager_priv.h"

typedef struct ManagerStream ManagerStream;

/* Append what tells that so many pieces are missing here. 0 or -ENOBUFS. */
typedef int ManagerStreamLostCb(Buf *out, uint64_t lost);

/* The stream is gone, whatever the reason; runs once. It must not use it. */
typedef void ManagerStreamEndCb(void *data);

typedef struct ManagerStreamConfig {
    const char *type; /* Content-Type */
    ManagerStreamLostCb *lost;
    ManagerStreamEndCb *end;
    void *data;
} ManagerStreamConfig;

/* Begin to answer by a stream; config is copied. Returns borrowed until its
 * end callback; NULL when there are too many: the connection has been answered
 * then, and end does not run. */
ManagerStream *managerStreamStart(ManagerConn *conn,
                                  const ManagerStreamConfig *config);

/* Give it one piece, whole or not at all; leaves at the end of the turn. */
void managerStreamPut(ManagerStream *stream, const void *data, size_t len);

/* No more pieces: close when all has been read. */
void managerStreamEnd(ManagerStream *stream);

/* The connection is closed: free. Clears *stream; NULL inside is accepted. */
void managerStreamDestroy(ManagerStream **stream);

#endif
