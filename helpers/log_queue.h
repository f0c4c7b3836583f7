/*
 * log_queue.h: commands on their way from the thread that reads them to the
 * one that writes the file. Bounded: when the file is slower than the lines
 * come, and all room is taken, lines are lost and counted.
 */
#ifndef SQUIRE_LOG_QUEUE_H
#define SQUIRE_LOG_QUEUE_H

#include "buf.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct LogQueue LogQueue;

/* Make a queue for max octets. Returns owned. Thread: startup. */
LogQueue *logQueueCreate(size_t max);

/* Free it; no thread uses it any more. Clears *queue; NULL inside is
 * accepted. */
void logQueueDestroy(LogQueue **queue);

/*
 * Add whole commands, each with its LF; copies. L lines that find no room are
 * lost; other commands always find some. Never blocks for long. Thread: the
 * reader's.
 */
void logQueueAdd(LogQueue *queue, const char *commands, size_t len);

/* Count a line that the reader itself had to lose. Thread: the reader's. */
void logQueueAddLost(LogQueue *queue);

/* Nothing will follow. Thread: the reader's. */
void logQueueEnd(LogQueue *queue);

/*
 * Wait for commands and take all there are into batch (initialised for the
 * queue's max and some more, empty), and the lines lost meanwhile. False when
 * nothing will follow and nothing is left. Blocks. Thread: the writer's.
 */
bool logQueueTake(LogQueue *queue, Buf *batch, uint64_t *lostOut);

/* What a batch may hold beyond the queue's max. */
#define LOG_QUEUE_SPARE 4096u

#endif
