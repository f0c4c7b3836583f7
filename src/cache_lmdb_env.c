/* The database of stored responses: opening, size, transactions. */
#include "cache_lmdb_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "xalloc.h"

#define STATE_MAGIC 0x71c3a5e1u
#define FOLDER_MODE 0750
#define FILE_MODE 0640
#define READERS_MAX 1024
#define BATCH_MAX (4u * 1024 * 1024)
#define PENDING_MAX (8u * 1024 * 1024)
#define MISSING_MAX (1024 * 1024)
#define DELETES_MAX 512 /* chunks removed in one transaction */

static const char *const tableNames[] = {
#define X(name, text) text,
    CACHE_LMDB_TABLES(X)
#undef X
};

/* Freshness is stored as it is: with another size it is another format. */
static uint32_t
formatNumber(void)
{
    return CACHE_LMDB_FORMAT << 16 | (uint32_t)sizeof(CacheLmdbRecord);
}

const char *
cacheLmdbErrorText(int rc)
{
    return rc == MDB_MAP_FULL || rc == ENOBUFS
               ? "its megabytes are full of what is being stored and read"
               : mdb_strerror(rc);
}

bool
cacheLmdbIsFatal(int rc)
{
    return rc >= MDB_PAGE_NOTFOUND && rc <= MDB_LAST_ERRCODE &&
           rc != MDB_MAP_FULL && rc != MDB_READERS_FULL && rc != MDB_TXN_FULL &&
           rc != MDB_MAP_RESIZED;
}

static uint64_t
pagesOf(const MDB_stat *stat)
{
    return (uint64_t)stat->ms_branch_pages + stat->ms_leaf_pages +
           stat->ms_overflow_pages;
}

int
cacheLmdbUsed(const CacheLmdbEnv *env, MDB_txn *txn, uint64_t *usedOut)
{
    const MDB_dbi freeList = 0, names = 1;
    uint64_t pages = 2; /* of the file's head */
    MDB_stat stat;
    int rc = mdb_stat(txn, freeList, &stat);

    if (rc == 0) {
        pages += pagesOf(&stat);
        rc = mdb_stat(txn, names, &stat);
    }
    for (int i = 0; rc == 0 && i < CACHE_LMDB_TABLE_COUNT; i++) {
        pages += pagesOf(&stat);
        rc = mdb_stat(txn, env->tables[i], &stat);
    }
    if (rc == 0)
        *usedOut = (pages + pagesOf(&stat)) * stat.ms_psize;
    return rc;
}

static MDB_val
stateKey(void)
{
    return cacheLmdbVal("state", 5);
}

static int
readStateRaw(const CacheLmdbEnv *env, MDB_txn *txn, CacheLmdbState *out)
{
    MDB_val key = stateKey(), val;
    int rc = mdb_get(txn, env->tables[CACHE_LMDB_STATE], &key, &val);

    if (rc == 0 && val.mv_size != sizeof(*out))
        rc = MDB_CORRUPTED;
    if (rc == 0)
        memcpy(out, val.mv_data, sizeof(*out));
    return rc;
}

int
cacheLmdbReadState(const CacheLmdbEnv *env, MDB_txn *txn, CacheLmdbState *out)
{
    int rc = readStateRaw(env, txn, out);

    /* A newer program has begun it anew while we run. */
    if (rc == 0 && out->format != formatNumber())
        rc = MDB_VERSION_MISMATCH;
    return rc;
}

static int
writeState(const CacheLmdbEnv *env, MDB_txn *txn, const CacheLmdbState *state)
{
    MDB_val key = stateKey(), val = cacheLmdbVal(state, sizeof(*state));

    return mdb_put(txn, env->tables[CACHE_LMDB_STATE], &key, &val, 0);
}

int
cacheLmdbTxnBegin(CacheLmdbTxn *txn, CacheLmdbEnv *env)
{
    int rc = mdb_txn_begin(env->env, NULL, 0, &txn->txn);

    txn->env = env;
    txn->now = time(NULL);
    txn->deletes = DELETES_MAX;
    txn->done = (CacheLmdbDone){0};
    if (rc)
        return rc;
    rc = cacheLmdbReadState(env, txn->txn, &txn->state);
    if (rc)
        mdb_txn_abort(txn->txn);
    return rc;
}

int
cacheLmdbTxnEnd(CacheLmdbTxn *txn, int rc)
{
    if (rc == 0)
        rc = writeState(txn->env, txn->txn, &txn->state);
    if (rc == 0)
        return mdb_txn_commit(txn->txn);
    mdb_txn_abort(txn->txn);
    return rc;
}

/* Another program's database is left alone. */
static int
checkOwner(MDB_txn *txn, const char **whyOut)
{
    MDB_dbi dbi;
    MDB_stat stat;
    int rc = mdb_dbi_open(txn, tableNames[CACHE_LMDB_STATE], 0, &dbi);

    if (rc != MDB_NOTFOUND)
        return rc;
    rc = mdb_dbi_open(txn, NULL, 0, &dbi);
    if (rc == 0)
        rc = mdb_stat(txn, dbi, &stat);
    if (rc == 0 && stat.ms_entries > 0) {
        *whyOut = "it is the database of another program";
        rc = EEXIST;
    }
    return rc;
}

static int
openTables(CacheLmdbEnv *env, MDB_txn *txn, unsigned flags)
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < CACHE_LMDB_TABLE_COUNT; i++)
        rc = mdb_dbi_open(txn, tableNames[i], flags, &env->tables[i]);
    return rc;
}

/* Begin anew, but never use the numbers of bodies again. */
static int
emptyTables(CacheLmdbEnv *env, MDB_txn *txn, CacheLmdbState *state)
{
    uint64_t nextEpoch = state->magic == STATE_MAGIC ? state->nextEpoch : 1;
    int rc = 0;

    for (int i = 0; rc == 0 && i < CACHE_LMDB_TABLE_COUNT; i++)
        rc = mdb_drop(txn, env->tables[i], 0);
    *state = (CacheLmdbState){
        .magic = STATE_MAGIC,
        .format = formatNumber(),
        .nextEpoch = nextEpoch,
    };
    return rc;
}

static int
enter(CacheLmdbEnv *env, MDB_txn *txn, const char **whyOut)
{
    CacheLmdbState state = {0};
    int rc = checkOwner(txn, whyOut);

    if (rc == 0)
        rc = openTables(env, txn, MDB_CREATE);
    if (rc == 0)
        rc = readStateRaw(env, txn, &state);
    if (rc == MDB_NOTFOUND || (rc == 0 && (state.magic != STATE_MAGIC ||
                                           state.format != formatNumber())))
        rc = emptyTables(env, txn, &state);
    env->epoch = state.nextEpoch++;
    if (rc == 0)
        rc = cacheLmdbOwnerEnter(env);
    return rc ? rc : writeState(env, txn, &state);
}

static int
enterReadOnly(CacheLmdbEnv *env, MDB_txn *txn, const char **whyOut)
{
    CacheLmdbState state = {0};
    int rc = openTables(env, txn, 0);

    if (rc == 0)
        rc = cacheLmdbReadState(env, txn, &state);
    if (rc)
        *whyOut = "it can only be read, and has nothing of this version";
    return rc;
}

/* Pages that are missing would stop the process when they are read. */
static int
checkFile(CacheLmdbEnv *env, const char **whyOut)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat st;
    mdb_filehandle_t fd;
    int rc = mdb_env_info(env->env, &info);

    if (rc == 0)
        rc = mdb_env_stat(env->env, &stat);
    if (rc == 0)
        rc = mdb_env_get_fd(env->env, &fd);
    if (rc == 0 && fstat(fd, &st) == -1)
        rc = errno;
    if (rc)
        return rc;
    off_t size = (off_t)(info.me_last_pgno + 1) * stat.ms_psize;
    if (st.st_size >= size)
        return 0;
    /* The last pages may be free ones that were never written. */
    if (!env->isReadOnly && size - st.st_size <= MISSING_MAX)
        return ftruncate(fd, size) == -1 ? errno : 0;
    *whyOut = "data.mdb has been cut short";
    return MDB_CORRUPTED;
}

static int
tryOpen(CacheLmdbEnv *env, uint64_t bytesMax, unsigned flags)
{
    int rc = mdb_env_create(&env->env);

    if (rc)
        return rc;
    mdb_env_set_maxdbs(env->env, CACHE_LMDB_TABLE_COUNT);
    mdb_env_set_maxreaders(env->env, READERS_MAX);
    mdb_env_set_mapsize(env->env, bytesMax);
    rc = mdb_env_open(env->env, env->path,
                      flags | MDB_NOMETASYNC | MDB_NOTLS | MDB_NORDAHEAD,
                      FILE_MODE);
    if (rc) {
        mdb_env_close(env->env);
        env->env = NULL;
    }
    env->isReadOnly = flags & MDB_RDONLY;
    return rc;
}

static int
openEnv(CacheLmdbEnv *env, uint64_t bytesMax)
{
    struct stat st;
    int rc = mkdir(env->path, FOLDER_MODE) == -1 ? errno : 0;

    if (rc && rc != EEXIST && (rc != EROFS || stat(env->path, &st) == -1))
        return rc;
    rc = tryOpen(env, bytesMax, 0);
    if (rc == EROFS || rc == EACCES)
        rc = tryOpen(env, bytesMax, MDB_RDONLY);
    return rc;
}

static int
enterEnv(CacheLmdbEnv *env, const char **whyOut)
{
    MDB_txn *txn;
    int rc =
        mdb_txn_begin(env->env, NULL, env->isReadOnly ? MDB_RDONLY : 0, &txn);

    if (rc)
        return rc;
    rc = env->isReadOnly ? enterReadOnly(env, txn, whyOut)
                         : enter(env, txn, whyOut);
    if (rc == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

/* Room that stays free: a tree that is copied when it changes needs some to
 * become smaller, and what one transaction frees the next cannot use. */
static void
setLimits(CacheLmdbEnv *env, uint64_t bytesMax)
{
    env->batchMax = bytesMax / 64;
    if (env->batchMax > BATCH_MAX)
        env->batchMax = BATCH_MAX;
    env->pendingMax = bytesMax / 8; /* what waits cannot be evicted */
    if (env->pendingMax > PENDING_MAX)
        env->pendingMax = PENDING_MAX;
    env->usedMax = bytesMax - bytesMax / 8 - 2 * env->batchMax;
}

int
cacheLmdbEnvOpen(CacheLmdbEnv *env, const char *path, uint64_t bytesMax,
                 const char **whyOut)
{
    int dead;

    CHECK(bytesMax >= CACHE_LMDB_BYTES_MIN);
    *env = (CacheLmdbEnv){.path = xstrdup(path)};
    CHECK(pthread_mutex_init(&env->bodies.lock, NULL) == 0);
    env->bodies.batchLocked = 1;
    *whyOut = NULL;
    int rc = openEnv(env, bytesMax);
    if (rc == 0)
        rc = checkFile(env, whyOut);
    if (rc == 0)
        rc = enterEnv(env, whyOut);
    if (rc) {
        if (*whyOut == NULL)
            *whyOut = cacheLmdbErrorText(rc);
        cacheLmdbEnvClose(env);
        return rc;
    }
    mdb_reader_check(env->env, &dead);
    setLimits(env, bytesMax);
    return 0;
}

void
cacheLmdbEnvClose(CacheLmdbEnv *env)
{
    cacheLmdbBodyEndBatch(&env->bodies);
    cacheLmdbBodyForget(&env->bodies);
    CHECK(env->bodies.tableLocked == NULL);
    if (env->env != NULL)
        mdb_env_close(env->env);
    pthread_mutex_destroy(&env->bodies.lock);
    free(env->path);
}
