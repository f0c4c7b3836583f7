/* log_queue.c: commands from one thread to another. */
#include "log_queue.h"

#include "check.h"
#include "xalloc.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MAGIC 0x5e12e008u

struct LogQueue {
    uint32_t magic;
    size_t max;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct {
        Buf held; /* whole commands */
        uint64_t lost;
        bool hasEnded;
    } _shared;
};

LogQueue *
logQueueCreate(size_t max)
{
    LogQueue *queue = xcalloc(1, sizeof(*queue));

    queue->magic = QUEUE_MAGIC;
    queue->max = max;
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->changed, NULL);
    bufInit(&queue->_shared.held, max + LOG_QUEUE_SPARE);
    return queue;
}

void
logQueueDestroy(LogQueue **queuep)
{
    LogQueue *queue = *queuep;

    if (!queue)
        return;
    CHECK_OBJ(queue, QUEUE_MAGIC);
    *queuep = NULL;
    bufFini(&queue->_shared.held);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->mutex);
    CHECK_OBJ_CLEAR(queue);
    free(queue);
}

/* Other commands may use the spare room; when that is full too, the writer
 * has so much to do that one F more or less is nothing. */
static void
addOneLocked(LogQueue *queue, const char *command, size_t len)
{
    Buf *held = &queue->_shared.held;
    bool isLine = command[0] == 'L';

    if (!isLine || bufLen(held) + len <= queue->max) {
        if (bufAppend(held, command, len) == 0)
            return;
    }
    queue->_shared.lost += isLine;
}

static void
addLocked(LogQueue *queue, const char *commands, size_t len)
{
    const char *end = commands + len;

    if (bufLen(&queue->_shared.held) + len <= queue->max) {
        bufAppend(&queue->_shared.held, commands, len);
        return;
    }
    while (commands < end) {
        const char *lf = memchr(commands, '\n', (size_t)(end - commands));
        const char *next = lf ? lf + 1 : end;

        addOneLocked(queue, commands, (size_t)(next - commands));
        commands = next;
    }
}

void
logQueueAdd(LogQueue *queue, const char *commands, size_t len)
{
    CHECK_OBJ(queue, QUEUE_MAGIC);
    pthread_mutex_lock(&queue->mutex);
    addLocked(queue, commands, len);
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

void
logQueueAddLost(LogQueue *queue)
{
    CHECK_OBJ(queue, QUEUE_MAGIC);
    pthread_mutex_lock(&queue->mutex);
    queue->_shared.lost++;
    pthread_mutex_unlock(&queue->mutex);
}

void
logQueueEnd(LogQueue *queue)
{
    CHECK_OBJ(queue, QUEUE_MAGIC);
    pthread_mutex_lock(&queue->mutex);
    queue->_shared.hasEnded = true;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

bool
logQueueTake(LogQueue *queue, Buf *batch, uint64_t *lostOut)
{
    Buf empty = *batch;

    CHECK_OBJ(queue, QUEUE_MAGIC);
    pthread_mutex_lock(&queue->mutex);
    while (bufLen(&queue->_shared.held) == 0 && !queue->_shared.hasEnded)
        pthread_cond_wait(&queue->changed, &queue->mutex);
    *batch = queue->_shared.held;
    queue->_shared.held = empty;
    *lostOut = queue->_shared.lost;
    queue->_shared.lost = 0;
    pthread_mutex_unlock(&queue->mutex);
    return bufLen(batch) > 0 || *lostOut > 0;
}
