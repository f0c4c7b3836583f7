/* The thread that writes stored responses to the database. */
#include "cache_lmdb_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "xalloc.h"

#define QUEUE_MAGIC 0x43514c30u
#define GATHER_US (50 * 1000)
#define RETRY_US (1000 * 1000)
#define TICK_US (20 * INT64_C(1000000))
#define READERS_TRIES 50
#define READERS_PAUSE_NS 20000000
#define OP_COST 64 /* octets that an op counts beside its data */

typedef struct OpList {
    CacheLmdbOp *first;
    CacheLmdbOp *last;
    uint64_t bytes;
} OpList;

/* On its way to the loop; the queue may be gone when it arrives. */
typedef struct QueuePost {
    CacheLmdbQueue *queue;
} QueuePost;

struct CacheLmdbQueue {
    uint32_t magic;
    CacheLmdbEnv *env;
    CommLoop *loop;
    CacheLmdbDoneCb *cb;
    void *data;
    pthread_t thread;
    int64_t tickUs;  /* of the thread: when to look after what is held */
    bool hasOrphans; /* of the thread */
    struct {
        pthread_mutex_t lock;
        pthread_cond_t wake; /* the thread has something to do */
        pthread_cond_t idle; /* the thread has done something */
        OpList ops;
        uint64_t busyBytes; /* of the batch in progress */
        OpList finished;    /* for the loop */
        bool isBusy;
        uint64_t batches; /* done */
        int64_t firstUs;  /* when the first op came */
        uint64_t number;  /* of the newest op */
        bool isFlushing;
        bool isStopping;
        QueuePost *post;
        CacheLmdbDone done;
    } _shared;
};

static void
appendOp(OpList *list, CacheLmdbOp *op)
{
    op->next = NULL;
    if (list->first == NULL)
        list->first = op;
    else
        list->last->next = op;
    list->last = op;
    list->bytes += OP_COST + op->len + op->oldLen;
}

static CacheLmdbOp *
takeOp(OpList *list)
{
    CacheLmdbOp *op = list->first;

    if (op == NULL)
        return NULL;
    list->first = op->next;
    list->bytes -= OP_COST + op->len + op->oldLen;
    return op;
}

uint64_t
cacheLmdbOpFree(CacheLmdbEnv *env, CacheLmdbOp *op)
{
    uint64_t doomed = cacheLmdbBodyUnref(&env->bodies, &op->body);

    free(op->data);
    free(op->old);
    free(op);
    return doomed;
}

static bool
isStore(const CacheLmdbOp *op)
{
    return op->kind == CACHE_LMDB_OP_CHUNK ||
           op->kind == CACHE_LMDB_OP_COMMIT || op->kind == CACHE_LMDB_OP_UPDATE;
}

static int
applyList(CacheLmdbQueue *queue, const OpList *list, CacheLmdbDone *done)
{
    CacheLmdbTxn txn = {0};
    int rc = cacheLmdbTxnBegin(&txn, queue->env);

    if (rc)
        return rc;
    for (CacheLmdbOp *op = list->first; rc == 0 && op != NULL; op = op->next)
        rc = cacheLmdbApply(&txn, op);
    rc = cacheLmdbTxnEnd(&txn, rc);
    if (rc)
        return rc;
    queue->hasOrphans |= txn.hasOrphans;
    done->stores += txn.done.stores;
    done->updates += txn.done.updates;
    done->evictions += txn.done.evictions;
    done->failures += txn.done.failures;
    return 0;
}

/* What cannot be written is given up; what makes other things untrue is
 * not. */
static void
dropStores(OpList *list, OpList *finished, CacheLmdbDone *done)
{
    OpList kept = {0};
    CacheLmdbOp *op;

    while ((op = takeOp(list)) != NULL) {
        if (op->kind == CACHE_LMDB_OP_INVALIDATE) {
            appendOp(&kept, op);
            continue;
        }
        if (op->body != NULL)
            atomic_store(&op->body->hasFailed, true);
        done->failures += op->kind == CACHE_LMDB_OP_COMMIT;
        appendOp(finished, op);
    }
    *list = kept;
}

static uint64_t
needOf(const OpList *list)
{
    uint64_t need = 0;

    for (const CacheLmdbOp *op = list->first; op != NULL; op = op->next)
        if (isStore(op))
            need += OP_COST + op->len;
    return need;
}

static int
tryList(CacheLmdbQueue *queue, const OpList *list, uint64_t need,
        CacheLmdbDone *done)
{
    int rc = need > 0 ? cacheLmdbMakeRoom(queue->env, need, done) : 0;

    return rc ? rc : applyList(queue, list, done);
}

/*
 * 0, or why not all could be written. A map without room in spite of what was
 * removed has readers that still see that: dead ones, or a long turn of some
 * loop. They are waited for.
 */
static int
writeList(CacheLmdbQueue *queue, const OpList *list, CacheLmdbDone *done)
{
    const struct timespec pause = {.tv_nsec = READERS_PAUSE_NS};
    uint64_t need = needOf(list);
    int dead;
    int rc = tryList(queue, list, need, done);

    for (int i = 0; rc == MDB_MAP_FULL && i < READERS_TRIES; i++) {
        nanosleep(&pause, NULL);
        mdb_reader_check(queue->env->env, &dead);
        rc = tryList(queue, list, need + 2 * queue->env->batchMax, done);
    }
    return rc;
}

static void
pushLocked(CacheLmdbQueue *queue, CacheLmdbOp *op)
{
    if (queue->_shared.ops.first == NULL)
        queue->_shared.firstUs = commClockUs();
    op->number = ++queue->_shared.number;
    appendOp(&queue->_shared.ops, op);
}

/* Hand over what is done; unlocks. */
static void
tellLocked(CacheLmdbQueue *queue)
{
    CacheLmdbDone done = queue->_shared.done;
    CacheLmdbOp *finished = queue->_shared.finished.first;

    queue->_shared.finished = (OpList){0};
    pthread_mutex_unlock(&queue->_shared.lock);
    queue->cb(&done, finished, queue->data);
}

/* Run by the loop. */
static void
onPost(void *data)
{
    QueuePost *post = data;
    CacheLmdbQueue *queue = post->queue;

    free(post);
    if (queue == NULL)
        return;
    CHECK_OBJ(queue, QUEUE_MAGIC);
    pthread_mutex_lock(&queue->_shared.lock);
    queue->_shared.post = NULL;
    tellLocked(queue);
}

static void
postLocked(CacheLmdbQueue *queue)
{
    if (queue->_shared.post != NULL)
        return;
    QueuePost *post = xcalloc(1, sizeof(*post));
    post->queue = queue;
    queue->_shared.post = post;
    if (commPost(queue->loop, onPost, post) < 0) {
        queue->_shared.post = NULL;
        free(post);
    }
}

/* The batch is over; what is left of it has to be tried again. */
static void
finishLocked(CacheLmdbQueue *queue, OpList *left, OpList *finished,
             const CacheLmdbDone *batch)
{
    CacheLmdbDone *done = &queue->_shared.done;
    CacheLmdbOp *op;

    done->stores += batch->stores;
    done->updates += batch->updates;
    done->evictions += batch->evictions;
    done->failures += batch->failures;
    done->error = batch->error;
    if (left->first != NULL) {
        OpList *later = &queue->_shared.ops;
        while ((op = takeOp(later)) != NULL)
            appendOp(left, op);
        *later = *left;
    }
    while ((op = takeOp(finished)) != NULL)
        appendOp(&queue->_shared.finished, op);
    queue->_shared.busyBytes = 0;
    queue->_shared.isBusy = false;
    queue->_shared.batches++;
    pthread_cond_broadcast(&queue->_shared.idle);
    postLocked(queue);
}

static void
runBatch(CacheLmdbQueue *queue, OpList *list)
{
    CacheLmdbDone done = {0};
    OpList finished = {0};
    CacheLmdbOp *op;

    int rc = done.error = writeList(queue, list, &done);
    if (rc) {
        dropStores(list, &finished, &done);
        rc = list->first != NULL ? applyList(queue, list, &done) : 0;
    }
    while (rc == 0 && (op = takeOp(list)) != NULL)
        appendOp(&finished, op);
    cacheLmdbBodyEndBatch(&queue->env->bodies);
    pthread_mutex_lock(&queue->_shared.lock);
    finishLocked(queue, list, &finished, &done);
    pthread_mutex_unlock(&queue->_shared.lock);
}

/* True when there is something that is held, or ought to be. */
static bool
isHouseEmpty(CacheLmdbQueue *queue, size_t longCount)
{
    MDB_txn *txn;
    MDB_stat stat;

    if (longCount > 0 || mdb_txn_begin(queue->env->env, NULL, MDB_RDONLY, &txn))
        return false;
    int rc = mdb_stat(txn, queue->env->tables[CACHE_LMDB_HELD], &stat);
    mdb_txn_abort(txn);
    return rc == 0 && stat.ms_entries == 0;
}

static void
reclaim(CacheLmdbQueue *queue, const uint64_t *ids, size_t count)
{
    CacheLmdbTxn txn = {0};
    int rc = cacheLmdbTxnBegin(&txn, queue->env);

    if (rc == 0) {
        rc = cacheLmdbReclaim(&txn);
        if (rc == 0)
            rc = cacheLmdbRenew(&txn, ids, count);
        rc = cacheLmdbTxnEnd(&txn, rc);
    }
    cacheLmdbBodyEndBatch(&queue->env->bodies);
    queue->hasOrphans = rc == 0 && txn.hasOrphans;
}

/* Look after what is held, here and by processes that are gone. */
static void
keepHouse(CacheLmdbQueue *queue)
{
    uint64_t *ids = NULL;
    size_t count = 0;
    int dead;

    if (commClockUs() >= queue->tickUs) {
        mdb_reader_check(queue->env->env, &dead);
        count = cacheLmdbBodyLong(&queue->env->bodies, &ids);
        queue->tickUs = commClockUs() + TICK_US;
    }
    if (queue->hasOrphans || !isHouseEmpty(queue, count))
        reclaim(queue, ids, count);
    free(ids);
}

static struct timespec
timespecOf(int64_t us)
{
    return (struct timespec){.tv_sec = us / 1000000,
                             .tv_nsec = us % 1000000 * 1000};
}

/* When the thread has to run next. After an error it waits for a while,
 * however much there is to do. */
static int64_t
wakeTimeLocked(const CacheLmdbQueue *queue)
{
    int64_t opsUs = queue->_shared.firstUs;

    if (queue->hasOrphans || queue->_shared.isStopping)
        return 0;
    if (queue->_shared.ops.first == NULL)
        return queue->tickUs;
    if (queue->_shared.isFlushing)
        return 0;
    if (!queue->_shared.done.error)
        opsUs = queue->_shared.ops.bytes >= queue->env->batchMax
                    ? 0
                    : opsUs + GATHER_US;
    return opsUs < queue->tickUs ? opsUs : queue->tickUs;
}

static void
waitLocked(CacheLmdbQueue *queue)
{
    int64_t at;

    while ((at = wakeTimeLocked(queue)) > commClockUs()) {
        struct timespec until = timespecOf(at);
        pthread_cond_timedwait(&queue->_shared.wake, &queue->_shared.lock,
                               &until);
    }
}

/* As much as one transaction may have. */
static OpList
takeBatchLocked(CacheLmdbQueue *queue)
{
    OpList batch = {0};
    CacheLmdbOp *op;

    while (batch.bytes < queue->env->batchMax &&
           (op = takeOp(&queue->_shared.ops)) != NULL)
        appendOp(&batch, op);
    queue->_shared.busyBytes = batch.bytes;
    queue->_shared.isBusy = batch.first != NULL;
    return batch;
}

static bool
isEndLocked(const CacheLmdbQueue *queue)
{
    return queue->_shared.isStopping &&
           (queue->_shared.ops.first == NULL || queue->_shared.done.error);
}

static void *
runThread(void *data)
{
    CacheLmdbQueue *queue = data;

    pthread_mutex_lock(&queue->_shared.lock);
    while (!isEndLocked(queue)) {
        waitLocked(queue);
        OpList batch = takeBatchLocked(queue);
        pthread_mutex_unlock(&queue->_shared.lock);
        bool hasTime = batch.first == NULL;
        if (batch.first != NULL)
            runBatch(queue, &batch);
        if (hasTime || queue->hasOrphans || commClockUs() >= queue->tickUs)
            keepHouse(queue);
        pthread_mutex_lock(&queue->_shared.lock);
        if (queue->_shared.done.error)
            queue->_shared.firstUs = commClockUs() + RETRY_US;
    }
    pthread_mutex_unlock(&queue->_shared.lock);
    return NULL;
}

static void
initShared(CacheLmdbQueue *queue)
{
    pthread_condattr_t monotonic;

    CHECK(pthread_mutex_init(&queue->_shared.lock, NULL) == 0 &&
          pthread_condattr_init(&monotonic) == 0 &&
          pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
          pthread_cond_init(&queue->_shared.wake, &monotonic) == 0 &&
          pthread_cond_init(&queue->_shared.idle, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
}

static void
freeQueue(CacheLmdbQueue *queue)
{
    pthread_cond_destroy(&queue->_shared.wake);
    pthread_cond_destroy(&queue->_shared.idle);
    pthread_mutex_destroy(&queue->_shared.lock);
    CHECK_OBJ_CLEAR(queue);
    free(queue);
}

/* Signals are for the loop's thread. */
static int
startThread(CacheLmdbQueue *queue)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&queue->thread, NULL, runThread, queue);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

CacheLmdbQueue *
cacheLmdbQueueCreate(CacheLmdbEnv *env, CacheLmdbDoneCb *cb, void *data)
{
    CacheLmdbQueue *queue = xcalloc(1, sizeof(*queue));

    queue->magic = QUEUE_MAGIC;
    queue->env = env;
    queue->loop = commLoopSelf();
    queue->cb = cb;
    queue->data = data;
    initShared(queue);
    int rc = startThread(queue);
    if (rc == 0)
        return queue;
    freeQueue(queue);
    errno = rc;
    return NULL;
}

void
cacheLmdbQueueDestroy(CacheLmdbQueue **queuep)
{
    CacheLmdbQueue *queue = *queuep;

    *queuep = NULL;
    if (queue == NULL)
        return;
    CHECK_OBJ(queue, QUEUE_MAGIC);
    pthread_mutex_lock(&queue->_shared.lock);
    queue->_shared.isStopping = true;
    pthread_cond_signal(&queue->_shared.wake);
    pthread_mutex_unlock(&queue->_shared.lock);
    pthread_join(queue->thread, NULL);
    if (queue->_shared.post != NULL)
        queue->_shared.post->queue = NULL;
    /* Ops that could not be done are over, too. */
    CacheLmdbOp *op;
    while ((op = takeOp(&queue->_shared.ops)) != NULL)
        appendOp(&queue->_shared.finished, op);
    pthread_mutex_lock(&queue->_shared.lock);
    tellLocked(queue);
    freeQueue(queue);
}

uint64_t
cacheLmdbQueuePush(CacheLmdbQueue *queue, CacheLmdbOp *op)
{
    CHECK_OBJ(queue, QUEUE_MAGIC);
    pthread_mutex_lock(&queue->_shared.lock);
    pushLocked(queue, op);
    uint64_t number = op->number;
    if (queue->_shared.ops.first == op ||
        queue->_shared.ops.bytes >= queue->env->batchMax)
        pthread_cond_signal(&queue->_shared.wake);
    pthread_mutex_unlock(&queue->_shared.lock);
    return number;
}

uint64_t
cacheLmdbQueueBytes(CacheLmdbQueue *queue)
{
    pthread_mutex_lock(&queue->_shared.lock);
    uint64_t bytes = queue->_shared.ops.bytes + queue->_shared.busyBytes +
                     queue->_shared.finished.bytes;
    pthread_mutex_unlock(&queue->_shared.lock);
    return bytes;
}

void
cacheLmdbQueueFlush(CacheLmdbQueue *queue)
{
    CHECK_OBJ(queue, QUEUE_MAGIC);
    pthread_mutex_lock(&queue->_shared.lock);
    uint64_t before = queue->_shared.batches;
    queue->_shared.isFlushing = true;
    pthread_cond_signal(&queue->_shared.wake);
    while (queue->_shared.isBusy ||
           (queue->_shared.ops.first != NULL &&
            (!queue->_shared.done.error || queue->_shared.batches == before)))
        pthread_cond_wait(&queue->_shared.idle, &queue->_shared.lock);
    queue->_shared.isFlushing = false;
    tellLocked(queue);
}
