/* test_helper_trace.c: the last exchanges of a pool, and taps. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "comm.h"
#include "helper_record.h"
#include "pool.h"
#include "support.h"

#define SEEN_MAX 300

typedef struct Seen {
    HelperTrace trace;
    char *request, *reply;
} Seen;

static Seen seen[SEEN_MAX];
static int seenCount, endCount;

static void
init(void)
{
    poolInit();
    poolConfig.max = 1;
}

static void
forget(void)
{
    while (seenCount > 0) {
        seenCount--;
        free(seen[seenCount].request);
        free(seen[seenCount].reply);
    }
}

static void
fini(void)
{
    forget();
    poolFini();
}

TestSuite(helperTrace, .init = init, .fini = fini, .timeout = 120);

static void
onTrace(const HelperTrace *trace, void *data)
{
    cr_assert_eq(data, &seenCount);
    if (!trace) {
        endCount++;
        return;
    }
    cr_assert_lt(seenCount, SEEN_MAX);
    seen[seenCount++] = (Seen){
        .trace = *trace,
        .request = strndup(trace->request, trace->requestLen),
        .reply = strndup(trace->reply, trace->replyLen),
    };
}

static void
lookBack(void)
{
    forget();
    helperTraceForEach(pool, onTrace, &seenCount);
}

Test(helperTrace, shows_request_answer_and_times)
{
    poolCreate("crlf slow=20");
    lookBack();
    cr_assert_eq(seenCount, 0);
    cr_assert_eq(poolSubmit("some words", 0), 0);
    cr_assert(poolRunUntil(1));
    lookBack();
    cr_assert_eq(seenCount, 1);
    cr_assert_str_eq(seen[0].request, "some words");
    cr_assert_str_eq(seen[0].reply, "OK message=\"some words\"");
    HelperProcessStats row;
    cr_assert_eq(helperPoolProcesses(pool, &row, 1), 1);
    cr_assert_eq(seen[0].trace.number, 1);
    cr_assert_eq(seen[0].trace.pid, row.pid);
    cr_assert_eq(seen[0].trace.result, HELPER_OK);
    cr_assert_not(seen[0].trace.isCut);
    cr_assert_geq(seen[0].trace.serviceUs, 20000);
    cr_assert_geq(seen[0].trace.queueUs, 0);
    cr_assert_lt(llabs(seen[0].trace.wallUs / 1000000 - time(NULL)), 60);
}

Test(helperTrace, channel_ids_are_not_shown)
{
    poolConfig.concurrency = 4;
    poolCreate("ids");
    poolSubmitLines(3);
    poolExpectLines(3);
    lookBack();
    cr_assert_eq(seenCount, 3);
    cr_assert_str_eq(seen[2].request, "line 2");
    cr_assert_str_eq(seen[2].reply, "OK message=\"line 2\"");
}

Test(helperTrace, the_ring_keeps_the_last_ones)
{
    poolConfig.traceMax = 5;
    poolCreate("");
    poolSubmitLines(3);
    poolExpectLines(3);
    lookBack();
    cr_assert_eq(seenCount, 3);
    poolAnswerCount = 0;
    poolSubmitLines(12);
    poolExpectLines(12);
    lookBack();
    cr_assert_eq(seenCount, 5);
    cr_assert_str_eq(seen[0].request, "line 7");
    cr_assert_str_eq(seen[4].request, "line 11");
}

Test(helperTrace, nothing_is_kept_when_nothing_is_wanted)
{
    poolConfig.traceMax = 0;
    poolCreate("");
    poolSubmitLines(3);
    poolExpectLines(3);
    lookBack();
    cr_assert_eq(seenCount, 0);
}

Test(helperTrace, the_ring_cuts_and_a_tap_does_not)
{
    char line[2001] = "";
    HelperTap *tap;

    memset(line, 'a', sizeof(line) - 1);
    poolCreate("");
    tap = helperTapAdd(pool, onTrace, &seenCount);
    cr_assert_eq(poolSubmit(line, 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(seenCount, 1);
    cr_assert_str_eq(seen[0].request, line);
    cr_assert_eq(seen[0].trace.replyLen, 2000 + strlen("OK message=\"\""));
    cr_assert_not(seen[0].trace.isCut);
    lookBack();
    cr_assert(seen[0].trace.isCut);
    cr_assert_gt(seen[0].trace.requestLen, 100);
    cr_assert_lt(seen[0].trace.requestLen, 400);
    cr_assert_eq(strncmp(seen[0].reply, "OK message=\"aaaa", 16), 0);
    helperTapRemove(&tap);
    cr_assert_null(tap);
    helperTapRemove(&tap);
}

static const Seen *
expectOwn(HelperResult result, const char *reply)
{
    lookBack();
    const Seen *last = &seen[seenCount - 1];

    cr_assert_eq(last->trace.isOwn, reply[0] == '\0');
    cr_assert_eq(last->trace.result, result);
    cr_assert_str_eq(last->request, "a");
    cr_assert_str_eq(last->reply, reply);
    return last;
}

Test(helperTrace, answers_of_the_pool_are_seen)
{
    poolConfig.timeoutMs = 100;
    poolConfig.queueMax = 1;
    poolCreate("silent");
    cr_assert_eq(poolSubmit("b", 0), 0);
    cr_assert_eq(poolSubmit("c", 1), 0);
    cr_assert_eq(poolSubmit("a", 2), 0);
    const Seen *last = expectOwn(HELPER_OVERLOAD, "");
    cr_assert_eq(last->trace.number, 0);
    cr_assert_eq(last->trace.pid, 0);
    cr_assert(poolRunUntil(3));
    cr_assert_eq(poolSubmit("a", 3), 0);
    cr_assert(poolRunUntil(4));
    (void)expectOwn(HELPER_TIMEOUT, "");
}

static void
expectLate(HelperFail fail, HelperResult result)
{
    poolConfig.timeoutMs = 100;
    poolConfig.fail = fail;
    poolCreate("silent");
    poolAnswerCount = 0;
    cr_assert_eq(poolSubmit("a", 0), 0);
    cr_assert(poolRunUntil(1));
    const Seen *last = expectOwn(result, "");
    cr_assert_eq(last->trace.number, 1);
    cr_assert_gt(last->trace.pid, 0);
    cr_assert_geq(last->trace.serviceUs + last->trace.queueUs, 100000);
    cr_assert_gt(last->trace.serviceUs, 0);
    helperPoolDestroy(&pool);
}

/* The time is that of the process that was asked. */
Test(helperTrace, a_late_process_is_named)
{
    expectLate(HELPER_FAIL_CLOSED, HELPER_TIMEOUT);
    expectLate(HELPER_FAIL_OPEN, HELPER_OK);
}

Test(helperTrace, kept_answers_are_seen)
{
    HelperReply reply;

    poolConfig.cacheMax = 10;
    poolCreate("");
    cr_assert_eq(poolSubmit("a", 0), 0);
    cr_assert(poolRunUntil(1));
    lookBack();
    cr_assert_eq(seenCount, 1);
    cr_assert_eq(seen[0].trace.number, 1);
    cr_assert_eq(poolSubmit("a", 1), 0);
    expectOwn(HELPER_OK, "OK message=\"a\"");
    cr_assert_eq(seenCount, 2);
    cr_assert(helperLookup(pool, "a", 1, &reply));
    expectOwn(HELPER_OK, "OK message=\"a\"");
    cr_assert_eq(seenCount, 3);
    cr_assert(poolRunUntil(2));
}

Test(helperTrace, a_question_of_many_is_seen_once)
{
    poolConfig.collapse = true;
    poolCreate("");
    for (int i = 0; i < 5; i++)
        cr_assert_eq(poolSubmit("a", i), 0);
    cr_assert(poolRunUntil(5));
    lookBack();
    cr_assert_eq(seenCount, 1);
    cr_assert_str_eq(seen[0].request, "a");
}

Test(helperTrace, each_try_is_seen)
{
    poolCreate("bh-once");
    cr_assert_eq(poolSubmit("a", 0), 0);
    cr_assert(poolRunUntil(1));
    lookBack();
    cr_assert_eq(seenCount, 2);
    cr_assert_eq(seen[0].trace.result, HELPER_BH);
    cr_assert_eq(seen[1].trace.result, HELPER_OK);
}

Test(helperTrace, a_tap_follows_until_it_is_removed)
{
    poolConfig.traceMax = 0;
    poolCreate("");
    HelperTap *tap = helperTapAdd(pool, onTrace, &seenCount);
    HelperTap *other = helperTapAdd(pool, onTrace, &seenCount);
    cr_assert_eq(poolSubmit("a", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(seenCount, 2);
    helperTapRemove(&tap);
    cr_assert_eq(poolSubmit("b", 1), 0);
    cr_assert(poolRunUntil(2));
    cr_assert_eq(seenCount, 3);
    cr_assert_str_eq(seen[2].request, "b");
    helperTapRemove(&other);
    helperPoolDestroy(&pool);
    cr_assert_eq(endCount, 0);
}

static HelperTap *ownTap;

static void
onRemoveOwn(const HelperTrace *trace, void *data)
{
    onTrace(trace, data);
    helperTapRemove(&ownTap);
}

Test(helperTrace, a_tap_may_remove_itself)
{
    poolCreate("");
    ownTap = helperTapAdd(pool, onRemoveOwn, &seenCount);
    HelperTap *other = helperTapAdd(pool, onTrace, &seenCount);
    poolSubmitLines(2);
    poolExpectLines(2);
    cr_assert_eq(seenCount, 3);
    ownTap = helperTapAdd(pool, onRemoveOwn, &seenCount);
    helperPoolDestroy(&pool);
    cr_assert_eq(endCount, 2);
    cr_assert_null(ownTap);
    helperTapRemove(&other);
}

Test(helperTrace, a_tap_sees_the_end_of_the_pool_last)
{
    poolCreate("silent");
    HelperTap *tap = helperTapAdd(pool, onTrace, &seenCount);
    cr_assert_eq(poolSubmit("a", 0), 0);
    helperPoolDestroy(&pool);
    cr_assert_eq(seenCount, 1);
    cr_assert_eq(seen[0].trace.result, HELPER_SHUTDOWN);
    cr_assert_eq(endCount, 1);
    helperTapRemove(&tap);
}

Test(helperTrace, pools_are_found_by_name)
{
    cr_assert_null(helperPoolLookup("test"));
    poolCreate("");
    cr_assert_eq(helperPoolLookup("test"), pool);
    cr_assert_null(helperPoolLookup("tes"));
    helperPoolDestroy(&pool);
    cr_assert_null(helperPoolLookup("test"));
}

/* A record of the pool, and what it is when it is read again. */
static HelperRecord *
writeAndRead(void)
{
    const HelperRecord head = {.endMark = poolStats().endMark};
    const HelperTrace *trace = &seen[0].trace;
    const HelperRecordAnswer answer = {
        .text = seen[0].reply,
        .len = trace->replyLen,
    };
    const HelperRecordExchange exchange = {
        .request = seen[0].request,
        .requestLen = trace->requestLen,
        .answers = &answer,
        .answerCount = 1,
    };
    char why[200] = "";
    Buf out;

    bufInit(&out, 1000);
    cr_assert_eq(helperRecordFormatHead(&head, &out), 0);
    cr_assert_eq(helperRecordFormatExchange(&exchange, &out), 0);
    HelperRecord *record = helperRecordParse("made", bufData(&out),
                                             bufLen(&out), why, sizeof(why));
    cr_assert_not_null(record, "%s", why);
    bufFini(&out);
    return record;
}

Test(helperTrace, exchanges_of_several_lines_can_be_recorded)
{
    poolConfig.endMark = '\x01';
    poolCreate("frames=3");
    cr_assert_eq(poolSubmit("a\n\nb", 0), 0);
    cr_assert(poolRunUntil(1));
    helperTraceForEach(pool, onTrace, &seenCount);
    cr_assert_eq(seenCount, 1);
    cr_assert_str_eq(seen[0].request, "a\n\nb");
    cr_assert_str_eq(seen[0].reply, "OK a\n\nb");
    HelperRecord *record = writeAndRead();
    cr_assert_eq(record->endMark, 1);
    cr_assert_str_eq(record->exchanges[0].request, "a\n\nb");
    cr_assert_str_eq(record->exchanges[0].answers[0].text, "OK a\n\nb");
    helperRecordDestroy(&record);
}
