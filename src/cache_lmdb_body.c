/* Stored bodies that this process uses. */
#include "cache_lmdb_priv.h"

#include <stdlib.h>

#include "check.h"
#include "xalloc.h"

static CacheLmdbBody *
findLocked(CacheLmdbBodies *bodies, uint64_t id)
{
    CacheLmdbBody *body;

    HASH_FIND(hh, bodies->tableLocked, &id, sizeof(id), body);
    return body;
}

static CacheLmdbBody *
addLocked(CacheLmdbBodies *bodies, uint64_t id)
{
    CacheLmdbBody *body = xcalloc(1, sizeof(*body));

    body->magic = CACHE_LMDB_BODY_MAGIC;
    body->id = id;
    HASH_ADD(hh, bodies->tableLocked, id, sizeof(body->id), body);
    return body;
}

static void
removeLocked(CacheLmdbBodies *bodies, CacheLmdbBody *body)
{
    while (body->pending != NULL) {
        CacheLmdbOp *op = body->pending;
        body->pending = op->nextOfBody;
        free(op->data);
        free(op);
    }
    HASH_DELETE(hh, bodies->tableLocked, body);
    CHECK_OBJ_CLEAR(body);
    free(body);
}

CacheLmdbBody *
cacheLmdbBodyCreate(CacheLmdbBodies *bodies, uint64_t id)
{
    pthread_mutex_lock(&bodies->lock);
    CacheLmdbBody *body = addLocked(bodies, id);
    body->refsLocked = 1;
    pthread_mutex_unlock(&bodies->lock);
    return body;
}

CacheLmdbBody *
cacheLmdbBodyFind(CacheLmdbBodies *bodies, uint64_t id)
{
    pthread_mutex_lock(&bodies->lock);
    CacheLmdbBody *body = findLocked(bodies, id);
    if (body == NULL)
        body = addLocked(bodies, id);
    if (body->goneInLocked != 0)
        body = NULL;
    else
        body->refsLocked++;
    pthread_mutex_unlock(&bodies->lock);
    return body;
}

CacheLmdbBody *
cacheLmdbBodyRef(CacheLmdbBodies *bodies, CacheLmdbBody *body)
{
    CHECK_OBJ(body, CACHE_LMDB_BODY_MAGIC);
    pthread_mutex_lock(&bodies->lock);
    body->refsLocked++;
    pthread_mutex_unlock(&bodies->lock);
    return body;
}

uint64_t
cacheLmdbBodyUnref(CacheLmdbBodies *bodies, CacheLmdbBody **bodyp)
{
    CacheLmdbBody *body = *bodyp;
    uint64_t doomed = 0;

    *bodyp = NULL;
    if (body == NULL)
        return 0;
    CHECK_OBJ(body, CACHE_LMDB_BODY_MAGIC);
    pthread_mutex_lock(&bodies->lock);
    CHECK(body->refsLocked > 0);
    if (--body->refsLocked == 0) {
        doomed = body->isDoomedLocked ? body->id : 0;
        removeLocked(bodies, body);
    }
    pthread_mutex_unlock(&bodies->lock);
    return doomed;
}

bool
cacheLmdbBodyDoom(CacheLmdbBodies *bodies, uint64_t id)
{
    pthread_mutex_lock(&bodies->lock);
    CacheLmdbBody *body = findLocked(bodies, id);
    bool isUsed = body != NULL && body->goneInLocked == 0;
    if (isUsed) {
        body->isDoomedLocked = true;
    } else {
        if (body == NULL) {
            body = addLocked(bodies, id);
            bodies->goneLocked++;
        }
        body->goneInLocked = bodies->batchLocked;
    }
    pthread_mutex_unlock(&bodies->lock);
    return !isUsed;
}

bool
cacheLmdbBodyIsUsed(CacheLmdbBodies *bodies, uint64_t id)
{
    pthread_mutex_lock(&bodies->lock);
    const CacheLmdbBody *body = findLocked(bodies, id);
    bool isUsed = body != NULL && body->refsLocked > 0;
    pthread_mutex_unlock(&bodies->lock);
    return isUsed;
}

void
cacheLmdbBodyEndBatch(CacheLmdbBodies *bodies)
{
    pthread_mutex_lock(&bodies->lock);
    bodies->batchLocked++;
    pthread_mutex_unlock(&bodies->lock);
}

void
cacheLmdbBodyForget(CacheLmdbBodies *bodies)
{
    CacheLmdbBody *body, *tmp;

    pthread_mutex_lock(&bodies->lock);
    if (bodies->goneLocked > 0) {
        HASH_ITER(hh, bodies->tableLocked, body, tmp)
        {
            if (body->goneInLocked == 0 ||
                body->goneInLocked == bodies->batchLocked)
                continue;
            removeLocked(bodies, body);
            bodies->goneLocked--;
        }
    }
    pthread_mutex_unlock(&bodies->lock);
}

size_t
cacheLmdbBodyLong(CacheLmdbBodies *bodies, uint64_t **idsOut)
{
    CacheLmdbBody *body, *tmp;
    size_t count = 0;

    pthread_mutex_lock(&bodies->lock);
    uint64_t *ids = xcalloc(HASH_COUNT(bodies->tableLocked) + 1, sizeof(*ids));
    HASH_ITER(hh, bodies->tableLocked, body, tmp)
    {
        if (body->isLongLocked && body->refsLocked > 0)
            ids[count++] = body->id;
        body->isLongLocked = true;
    }
    pthread_mutex_unlock(&bodies->lock);
    *idsOut = ids;
    return count;
}
