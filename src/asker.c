/* asker.c: the pools of all classes of helpers. DEBUG: section 84 */
#include "asker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "comm.h"
#include "debug.h"
#include "list.h"
#include "xalloc.h"

#define ASKER_MAGIC 0xa5ce0001u
#define ASKER_SET_MAGIC 0xa5ce0002u
#define COMPLAIN_FIRST_US INT64_C(1000000)
#define COMPLAIN_MAX_US INT64_C(60000000)
#define STOP_POLL_MS 50

struct Asker {
    uint32_t magic;
    ListNode node; /* in the set's askers, or in its stopping */
    char *name;
    char *spec;    /* what the pool was made from */
    bool isRaw;    /* its processes write to the debug log by themselves */
    bool isWanted; /* by the configuration being taken */
    HelperPool *pool;
    int64_t quietUntilUs;
    int64_t quietUs; /* doubled by each complaint */
    uint64_t unsaid; /* complaints not written */
};

struct AskerSet {
    uint32_t magic;
    ListNode askers;
    ListNode stopping; /* those that only wait for their pool to end */
    CommTimer *timer;
    int drainMs; /* of the configuration being taken */
    int failure; /* and what went wrong with it */
};

AskerSet *
askerSetCreate(void)
{
    AskerSet *set = xcalloc(1, sizeof(*set));

    set->magic = ASKER_SET_MAGIC;
    listInit(&set->askers);
    listInit(&set->stopping);
    return set;
}

/* What a pool is made from, as one text. */
static char *
formatSpec(const ConfigHelper *helper)
{
    char *text = xasprintf("%s %d %d", helper->spec != NULL ? helper->spec : "",
                           helper->pool.timeoutMs, (int)helper->pool.overload);

    for (char **arg = helper->argv; *arg != NULL; arg++) {
        char *longer = xasprintf("%s\n%s", text, *arg);

        free(text);
        text = longer;
    }
    return text;
}

/* NULL with errno. */
static Asker *
createAsker(const ConfigHelper *helper)
{
    HelperPool *pool = helperPoolCreate(&helper->pool);
    Asker *asker;

    if (pool == NULL)
        return NULL;
    asker = xcalloc(1, sizeof(*asker));
    asker->magic = ASKER_MAGIC;
    asker->name = xstrdup(helper->name);
    asker->spec = formatSpec(helper);
    asker->isRaw = helper->pool.stderrRaw;
    asker->pool = pool;
    asker->quietUs = COMPLAIN_FIRST_US / 2;
    return asker;
}

static void
destroyAsker(Asker *asker)
{
    listRemove(&asker->node);
    helperPoolDestroy(&asker->pool);
    free(asker->name);
    free(asker->spec);
    CHECK_OBJ_CLEAR(asker);
    free(asker);
}

static void
onStopPoll(void *data)
{
    AskerSet *set = data;
    ListNode *it, *tmp;

    CHECK_OBJ(set, ASKER_SET_MAGIC);
    set->timer = NULL;
    LIST_FOREACH(&set->stopping, it, tmp) {
        Asker *asker = LIST_OBJ(it, Asker, node);

        if (helperPoolIsStopped(asker->pool))
            destroyAsker(asker);
    }
    if (!listIsEmpty(&set->stopping))
        set->timer = commTimerAdd(STOP_POLL_MS, onStopPoll, set);
}

static void
stopAsker(AskerSet *set, Asker *asker, int drainMs)
{
    listRemove(&asker->node);
    helperPoolStop(asker->pool, drainMs);
    listPushBack(&set->stopping, &asker->node);
    if (set->timer == NULL)
        set->timer = commTimerAdd(STOP_POLL_MS, onStopPoll, set);
}

Asker *
askerSetLookup(const AskerSet *set, const char *name)
{
    ListNode *it, *tmp;

    CHECK_OBJ(set, ASKER_SET_MAGIC);
    LIST_FOREACH(&set->askers, it, tmp) {
        Asker *asker = LIST_OBJ(it, Asker, node);

        if (strcmp(asker->name, name) == 0)
            return asker;
    }
    return NULL;
}

static bool
isSame(const Asker *asker, const ConfigHelper *helper)
{
    char *spec = formatSpec(helper);
    bool same = strcmp(spec, asker->spec) == 0;

    free(spec);
    return same;
}

/* A new one takes requests before the old one begins to leave. */
static void
startAsker(AskerSet *set, Asker *old, const ConfigHelper *helper)
{
    Asker *asker = createAsker(helper);

    if (asker == NULL) {
        set->failure = -errno;
        debug(DBG_HELPER, 0, "%s: cannot make the pool: %s", helper->name,
              strerror(errno));
        if (old != NULL)
            old->isWanted = true;
        return;
    }
    asker->isWanted = true;
    if (old != NULL)
        stopAsker(set, old, set->drainMs);
    listPushBack(&set->askers, &asker->node);
}

/* The pool stays, with what waits in it; what the change needs new processes
 * for, it replaces itself. */
static void
changeAsker(AskerSet *set, Asker *asker, const ConfigHelper *helper)
{
    int rc = helperPoolReconfigure(asker->pool, &helper->pool);

    asker->isWanted = true;
    if (rc < 0) {
        set->failure = rc;
        debug(DBG_HELPER, 0, "%s: cannot change the pool: %s", helper->name,
              strerror(-rc));
        return;
    }
    free(asker->spec);
    asker->spec = formatSpec(helper);
    asker->isRaw = helper->pool.stderrRaw;
}

static void
onHelper(const ConfigHelper *helper, void *data)
{
    AskerSet *set = data;
    Asker *asker = askerSetLookup(set, helper->name);

    if (helper->argv == NULL)
        return;
    if (asker == NULL)
        startAsker(set, NULL, helper);
    else if (isSame(asker, helper))
        asker->isWanted = true;
    else
        changeAsker(set, asker, helper);
}

int
askerSetConfigure(AskerSet *set, const Config *config, int drainMs)
{
    ListNode *it, *tmp;

    CHECK_OBJ(set, ASKER_SET_MAGIC);
    set->drainMs = drainMs;
    set->failure = 0;
    LIST_FOREACH(&set->askers, it, tmp)
        LIST_OBJ(it, Asker, node)->isWanted = false;
    configForEachHelper(config, onHelper, set);
    LIST_FOREACH(&set->askers, it, tmp) {
        Asker *asker = LIST_OBJ(it, Asker, node);

        if (!asker->isWanted)
            stopAsker(set, asker, drainMs);
    }
    return set->failure;
}

static void
onRawHelper(const ConfigHelper *helper, void *data)
{
    AskerSet *set = data;
    Asker *asker = askerSetLookup(set, helper->name);

    if (asker != NULL && asker->isRaw && isSame(asker, helper))
        startAsker(set, asker, helper);
}

void
askerSetRotate(AskerSet *set, const Config *config, int drainMs)
{
    CHECK_OBJ(set, ASKER_SET_MAGIC);
    set->drainMs = drainMs;
    configForEachHelper(config, onRawHelper, set);
}

void
askerSetStop(AskerSet *set, int drainMs)
{
    ListNode *node;

    CHECK_OBJ(set, ASKER_SET_MAGIC);
    while ((node = listFirst(&set->askers)) != NULL)
        stopAsker(set, LIST_OBJ(node, Asker, node), drainMs);
}

bool
askerSetIsStopped(const AskerSet *set)
{
    CHECK_OBJ(set, ASKER_SET_MAGIC);
    return listIsEmpty(&set->askers) && listIsEmpty(&set->stopping);
}

void
askerSetDestroy(AskerSet **setp)
{
    AskerSet *set = *setp;
    ListNode *node;

    *setp = NULL;
    if (set == NULL)
        return;
    CHECK_OBJ(set, ASKER_SET_MAGIC);
    while ((node = listFirst(&set->askers)) != NULL ||
           (node = listFirst(&set->stopping)) != NULL)
        destroyAsker(LIST_OBJ(node, Asker, node));
    commTimerCancel(&set->timer);
    CHECK_OBJ_CLEAR(set);
    free(set);
}

HelperPool *
askerPool(const Asker *asker)
{
    CHECK_OBJ(asker, ASKER_MAGIC);
    return asker->pool;
}

/* The pool's OK is its fail policy, and its BH stands for an answer not to be
 * used: they count like those of a helper. */
bool
askerIsAnswerless(const HelperReply *reply)
{
    return reply->source == HELPER_SOURCE_POOL && reply->result != HELPER_OK &&
           reply->result != HELPER_BH;
}

/* A helper may be wrong in each answer: the more seldom it is told. */
static void
beQuiet(Asker *asker)
{
    int64_t now = commNowUs();

    if (now > asker->quietUntilUs + COMPLAIN_MAX_US)
        asker->quietUs = COMPLAIN_FIRST_US;
    else if (asker->quietUs < COMPLAIN_MAX_US / 2)
        asker->quietUs *= 2;
    else
        asker->quietUs = COMPLAIN_MAX_US;
    asker->quietUntilUs = now + asker->quietUs;
}

void
askerComplain(Asker *asker, const char *what, const char *text)
{
    char others[64] = "";

    CHECK_OBJ(asker, ASKER_MAGIC);
    if (commNowUs() < asker->quietUntilUs) {
        asker->unsaid++;
        return;
    }
    if (asker->unsaid > 0)
        snprintf(others, sizeof(others), " (%llu more not shown)",
                 (unsigned long long)asker->unsaid);
    debug(DBG_HELPER, 1, "%s: %s%s%.200s%s", asker->name, what,
          text[0] ? ": " : "", text, others);
    asker->unsaid = 0;
    beQuiet(asker);
}
