/*
 * helper_collapse.c: identical lines in flight are asked once.
 *
 * A flight is one question and those who wait for its answer, each with a
 * deadline and a callback of its own. A further request, the carrier, which
 * has no caller, takes the question to a process; so nobody of those who
 * asked is special, and any may leave. It is late when its process is: its
 * time counts from the dispatch, not from the submission.
 */
#include "helper_priv.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "xalloc.h"

#define REQUEST(n) LIST_OBJ(n, HelperRequest, node)
#define FLIGHT(n) LIST_OBJ(n, HelperFlight, node)

struct HelperFlight {
    HelperTableNode node;
    HelperRequest *carrier;
    ListNode askers; /* requests; never empty */
    char line[];
};

static void
join(HelperFlight *flight, HelperRequest *asker)
{
    CHECK(asker->state == HELPER_REQUEST_LOOSE);
    asker->state = HELPER_REQUEST_JOINED;
    asker->flight = flight;
    listPushBack(&flight->askers, &asker->node);
}

bool
helperCollapseJoin(HelperRequest *asker, const char *line, size_t len)
{
    HelperPool *pool = asker->pool;
    HelperTable *flights = &pool->answers.flights;
    uint32_t hash = helperTableHash(flights, line, len);
    HelperTableNode *node = helperTableFirst(flights, hash);

    for (; node; node = node->next)
        if (node->hash == hash && node->keyLen == len &&
            memcmp(FLIGHT(node)->line, line, len) == 0)
            break;
    if (!node)
        return false;
    pool->answers.collapsed++;
    join(FLIGHT(node), asker);
    return true;
}

HelperRequest *
helperCollapseBegin(HelperRequest *asker, const char *line, size_t len)
{
    HelperPool *pool = asker->pool;
    HelperTable *flights = &pool->answers.flights;
    HelperFlight *flight = xmalloc(sizeof(*flight) + len);

    flight->node = (HelperTableNode){
        .hash = helperTableHash(flights, line, len),
        .keyLen = (uint32_t)len,
    };
    listInit(&flight->askers);
    memcpy(flight->line, line, len);
    flight->carrier = helperRequestCreate(pool, NULL, flight);
    helperTableAdd(flights, &flight->node);
    join(flight, asker);
    return flight->carrier;
}

/* It takes its line along if it is to be answered by the pool. */
static void
leave(HelperRequest *asker, bool keepsLine)
{
    const HelperFlight *flight = asker->flight;

    listRemove(&asker->node);
    asker->channel = NULL;
    asker->state = HELPER_REQUEST_LOOSE;
    if (keepsLine)
        helperRequestKeep(asker, flight->line, flight->node.keyLen);
}

/* Nobody can join any more, and nothing carries it. */
static void
freeFlight(HelperPool *pool, HelperFlight *flight)
{
    helperTableRemove(&pool->answers.flights, &flight->node);
    free(flight);
}

void
helperCollapseLeave(HelperRequest *asker)
{
    HelperFlight *flight = asker->flight;

    leave(asker, true);
    if (!listIsEmpty(&flight->askers))
        return;
    HelperRequest *carrier = flight->carrier;
    freeFlight(asker->pool, flight);
    carrier->data = NULL;
    helperCancel(carrier);
}

/* The end of a carrier and its flight; those who asked move to list. */
static void
dissolve(HelperRequest *carrier, ListNode *list, bool keepLines)
{
    HelperFlight *flight = carrier->data;
    ListNode *node;

    listInit(list);
    while ((node = listFirst(&flight->askers))) {
        leave(REQUEST(node), keepLines);
        listPushBack(list, node);
    }
    freeFlight(carrier->pool, flight);
    helperRequestFree(carrier);
}

/* kept: the answer; NULL when the pool made it. */
static void
answerOne(HelperRequest *asker, const HelperReply *reply, HelperKept *kept)
{
    if (reply->result == HELPER_BH &&
        helperAnswersFailOver(asker, HELPER_BH, "no process could decide"))
        return;
    if (kept)
        helperQueueAnswerKept(asker, kept, HELPER_SOURCE_PROCESS);
    else
        helperQueueAnswer(asker, reply->result, reply->message);
}

void
helperCollapseAnswer(HelperRequest *carrier, const HelperReply *reply,
                     const char *line)
{
    HelperKept *kept = NULL;
    ListNode list, *node;

    dissolve(carrier, &list, reply->result == HELPER_BH);
    if (list.next == list.prev) {
        HelperRequest *only = REQUEST(list.next);
        listRemove(&only->node);
        helperAnswersFinish(only, reply);
        return;
    }
    if (reply->source == HELPER_SOURCE_PROCESS)
        kept = helperKeptCreate(line,
                                (size_t)(reply->text - line) + reply->textLen);
    while ((node = listFirst(&list))) {
        listRemove(node);
        answerOne(REQUEST(node), reply, kept);
    }
    helperKeptUnref(&kept);
}

void
helperCollapseFail(HelperRequest *carrier, HelperResult result, const char *why)
{
    ListNode list, *node;

    dissolve(carrier, &list, true);
    while ((node = listFirst(&list))) {
        listRemove(node);
        helperAnswersFail(REQUEST(node), result, why);
    }
}

void
helperCollapseAskAgain(HelperRequest *carrier)
{
    HelperFlight *flight = carrier->data;

    carrier->data = NULL;
    flight->carrier = helperRequestCreate(carrier->pool, NULL, flight);
    helperRequestKeep(flight->carrier, flight->line, flight->node.keyLen);
    helperQueuePush(flight->carrier, true);
}
