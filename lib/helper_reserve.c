/* helper_reserve.c: dialogs, each with a process of its own. Section 84. */
#include "helper_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "check.h"
#include "debug.h"
#include "xalloc.h"

#define RESERVATION(n) LIST_OBJ(n, HelperReservation, node)
#define IDLE(n) LIST_OBJ(n, HelperReservation, idleNode)
#define PLACED(entry) LIST_OBJ(entry, HelperChannel, place)

struct HelperClient {
    unsigned count;
    UT_hash_handle hh;
    char name[];
};

static HelperReplyCb onReply;
static CommTimerCb onMayReclaim;

/* Count one more for the client, or NULL: it has as many as it may. */
static HelperClient *
countIn(HelperPool *pool, const char *name)
{
    size_t len = strlen(name);
    HelperClient *client;

    HASH_FIND(hh, pool->clients, name, len, client);
    if (client && client->count >= pool->config.reservedPerClient)
        return NULL;
    if (!client) {
        client = xcalloc(1, sizeof(*client) + len + 1);
        memcpy(client->name, name, len);
        HASH_ADD_KEYPTR(hh, pool->clients, client->name, len, client);
    }
    client->count++;
    return client;
}

static void
countOut(HelperReservation *reservation)
{
    HelperClient *client = reservation->client;

    reservation->client = NULL;
    if (!client || --client->count > 0)
        return;
    HASH_DEL(reservation->pool->clients, client);
    free(client);
}

HelperReservation *
helperReserve(HelperPool *pool, const char *client)
{
    HelperClient *counted = NULL;

    if (!pool || pool->stopping) {
        errno = ESHUTDOWN;
        return NULL;
    }
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);
    if (client && pool->config.reservedPerClient > 0 &&
        !(counted = countIn(pool, client))) {
        errno = EBUSY;
        return NULL;
    }
    HelperReservation *reservation = xcalloc(1, sizeof(*reservation));
    reservation->magic = HELPER_RESERVATION_MAGIC;
    reservation->pool = pool;
    reservation->client = counted;
    listInit(&reservation->idleNode);
    listPushBack(&pool->reservations, &reservation->node);
    return reservation;
}

static HelperReservation *
ownerOf(const HelperRequest *request)
{
    HelperReservation *reservation = request->data;

    CHECK_OBJ(reservation, HELPER_RESERVATION_MAGIC);
    return reservation;
}

/* The dialog and its process know each other no more. */
static HelperChannel *
unbind(HelperReservation *reservation)
{
    HelperChannel *channel = reservation->channel;

    listRemove(&reservation->idleNode);
    if (!channel)
        return NULL;
    reservation->channel = NULL;
    channel->reservation = NULL;
    reservation->pool->reserved--;
    return channel;
}

static void
lose(HelperReservation *reservation, const char *why)
{
    const HelperChannel *channel = reservation->channel;

    reservation->isLost = true;
    snprintf(reservation->why, sizeof(reservation->why),
             "the dialog is lost: %s", why);
    debug(DBG_HELPER, 2, "%s #%u (pid %d): %s", reservation->pool->config.name,
          channel ? channel->number : 0, channel ? (int)channel->pid : 0,
          reservation->why);
    (void)unbind(reservation);
}

/* Let the process serve others. */
static void
freeProcess(HelperReservation *reservation)
{
    HelperChannel *channel = unbind(reservation);

    if (!channel || !helperChannelIsServing(channel))
        return;
    helperPlaceOpen(&channel->pool->place, &channel->place);
    helperPoolSettle(channel->pool);
}

void
helperReservedBind(HelperRequest *request, HelperChannel *channel)
{
    HelperReservation *reservation = ownerOf(request);

    CHECK(!reservation->channel && !channel->reservation);
    reservation->channel = channel;
    channel->reservation = reservation;
    reservation->pool->reserved++;
    helperPlaceHold(&channel->pool->place, &channel->place);
}

static void
ask(HelperReservation *reservation, HelperRequest *request, const char *line,
    size_t len)
{
    HelperPool *pool = reservation->pool;
    HelperPlaceEntry *entry = NULL;

    if (reservation->channel && !helperChannelIsServing(reservation->channel))
        helperReservedGone(reservation->channel, "its process has ended");
    if (reservation->isLost) {
        helperRequestKeep(request, line, len);
        helperQueueAnswer(request, HELPER_UNKNOWN, reservation->why);
        return;
    }
    if (!reservation->channel && pool->queued == 0)
        entry = helperPlacePick(&pool->place, NULL);
    if (entry && entry->load == 0)
        helperReservedBind(request, PLACED(entry));
    if (reservation->channel)
        helperChannelAsk(reservation->channel, request, line, len);
    else
        helperPoolEnqueue(request, line, len);
}

int
helperReservedSubmit(HelperReservation *reservation, const char *line,
                     size_t len, HelperReplyCb *cb, void *data,
                     HelperRequest **requestOut)
{
    CHECK_OBJ(reservation, HELPER_RESERVATION_MAGIC);

    if (!reservation->pool)
        return -ESHUTDOWN;
    if (reservation->request)
        return -EBUSY;
    int error = helperPoolCheckLine(reservation->pool, line, len);
    if (error < 0)
        return error;
    HelperRequest *request =
        helperRequestCreate(reservation->pool, onReply, reservation);
    request->kind = HELPER_KIND_DIALOG;
    reservation->request = request;
    reservation->cb = cb;
    reservation->data = data;
    listRemove(&reservation->idleNode);
    reservation->pool->requests++;
    ask(reservation, request, line, len);
    if (requestOut)
        *requestOut = request;
    return 0;
}

static void
onReply(const HelperReply *reply, void *data)
{
    HelperReservation *reservation = data;
    CHECK_OBJ(reservation, HELPER_RESERVATION_MAGIC);

    reservation->request = NULL;
    if (reservation->channel) {
        reservation->hasBegun = true;
        reservation->idleUs = commNowUs();
        listPushBack(&reservation->pool->idleReservations,
                     &reservation->idleNode);
    }
    reservation->cb(reply, reservation->data);
}

bool
helperReservedIsLost(const HelperReservation *reservation)
{
    CHECK_OBJ(reservation, HELPER_RESERVATION_MAGIC);

    return reservation->isLost || !reservation->pool;
}

void
helperReservedGone(HelperChannel *channel, const char *why)
{
    HelperReservation *reservation = channel->reservation;

    if (!reservation)
        return;
    if (reservation->hasBegun)
        lose(reservation, why);
    else
        (void)unbind(reservation);
}

const char *
helperReservedWhyLost(const HelperRequest *request)
{
    if (request->kind != HELPER_KIND_DIALOG || !ownerOf(request)->isLost)
        return NULL;
    return ownerOf(request)->why;
}

bool
helperReservedCancelled(HelperRequest *request)
{
    HelperReservation *reservation = ownerOf(request);
    HelperChannel *channel = request->channel;

    reservation->request = NULL;
    if (request->state != HELPER_REQUEST_SENT)
        return false;
    lose(reservation, "one of its lines was given up unanswered");
    helperChannelAbandon(channel, request);
    helperChannelLeave(channel, HELPER_GONE_DIALOG,
                       "it owes an answer to a dialog that has ended");
    helperPoolSettle(channel->pool);
    return true;
}

/* Without channel-IDs a late answer could be taken for one of the next
 * dialog; with them, the process is as much in doubt. It is blamed only when
 * it had at least half of the time. */
void
helperReservedExpired(HelperRequest *request)
{
    HelperChannel *channel = request->channel;
    int64_t waitedUs = request->dispatchUs - request->submitUs;
    bool isBlamed = waitedUs * 2 < commNowUs() - request->submitUs;

    lose(ownerOf(request), "no answer in time");
    helperChannelAbandon(channel, request);
    if (isBlamed)
        helperChannelFailLate(channel);
    else
        helperChannelLeave(channel, HELPER_GONE_DIALOG,
                           "it owes a late answer to a dialog");
}

static void
freeReservation(void *ptr)
{
    HelperReservation *reservation = ptr;

    CHECK_OBJ_CLEAR(reservation);
    free(reservation);
}

void
helperRelease(HelperReservation **reservation)
{
    HelperReservation *old = *reservation;

    if (!old)
        return;
    CHECK_OBJ(old, HELPER_RESERVATION_MAGIC);
    *reservation = NULL;
    if (old->request)
        helperCancel(old->request);
    if (old->pool) {
        freeProcess(old);
        countOut(old);
        listRemove(&old->node);
    }
    old->pool = NULL;
    /* Its text may be what a callback further up was given. */
    commFreeLater(old, freeReservation);
}

static void
takeBack(HelperReservation *reservation, int64_t idleUs)
{
    HelperChannel *channel = reservation->channel;
    char why[96];

    snprintf(why, sizeof(why),
             "idle for %lld s, its process was needed by others",
             (long long)(idleUs / 1000000));
    lose(reservation, why);
    if (helperChannelIsServing(channel))
        helperPlaceOpen(&channel->pool->place, &channel->place);
}

static void
onMayReclaim(void *data)
{
    HelperPool *pool = data;
    CHECK_OBJ(pool, HELPER_POOL_MAGIC);

    pool->reclaimTimer = NULL;
    helperPoolSettle(pool);
}

void
helperReservedReclaim(HelperPool *pool)
{
    int64_t nowUs = commNowUs();
    int64_t maxUs = pool->config.reservationMs * 1000ll;
    ListNode *node;

    commTimerCancel(&pool->reclaimTimer);
    if (maxUs == 0 || (helperPoolStaff(pool) < pool->config.max &&
                       helperRestartWait(&pool->restart, nowUs) == 0))
        return;
    while (!listIsEmpty(&pool->queue) &&
           (node = listFirst(&pool->idleReservations))) {
        int64_t idleUs = nowUs - IDLE(node)->idleUs;
        if (idleUs < maxUs) {
            pool->reclaimTimer =
                commTimerAdd((maxUs - idleUs + 999) / 1000, onMayReclaim, pool);
            return;
        }
        takeBack(IDLE(node), idleUs);
        helperRecruitPlace(pool);
    }
}

void
helperReservedEnd(HelperPool *pool)
{
    ListNode *node, *tmp;

    LIST_FOREACH(&pool->reservations, node, tmp) {
        HelperReservation *reservation = RESERVATION(node);
        listRemove(node);
        countOut(reservation);
        reservation->pool = NULL;
    }
}
