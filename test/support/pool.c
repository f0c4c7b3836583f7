/* pool.c: what tests of helper pools share. */
#include "pool.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "comm.h"
#include "debug.h"
#include "support.h"

HelperConfig poolConfig;
HelperPool *pool;
PoolAnswer poolAnswers[POOL_ANSWERS_MAX];
int poolAnswerCount;

static bool isReached;
static int wanted;

void
poolInit(void)
{
    supportCommInit();
    helperConfigInit(&poolConfig);
    poolConfig.name = "test";
    poolConfig.max = 4;
    poolConfig.queueMax = POOL_ANSWERS_MAX;
    poolConfig.restartMinMs = 10;
    poolAnswerCount = 0;
    debugOptions("ALL,0");
}

/* A pool that was destroyed inside the loop leaves its processes to it. */
static void
runWhileChildren(void)
{
    siginfo_t info;

    for (int ms = 0; ms < POOL_WAIT_MS; ms += 5) {
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
            return;
        (void)supportRunLoop(5);
    }
}

void
poolFini(void)
{
    helperPoolDestroy(&pool);
    runWhileChildren();
    supportCommFini();
}

/* Let argv have the words of text, which is changed. */
static void
splitWords(char *text, const char *argv[32])
{
    char *rest = NULL;
    int count = 0;

    for (char *word = strtok_r(text, " ", &rest); word && count < 31;
         word = strtok_r(NULL, " ", &rest))
        argv[count++] = word;
    argv[count] = NULL;
}

void
poolCreateProgram(const char *command)
{
    const char *argv[32];
    char *text = strdup(command);

    splitWords(text, argv);
    poolConfig.argv = argv;
    pool = helperPoolCreate(&poolConfig);
    cr_assert_not_null(pool);
    free(text);
}

static void
formatFake(const char *args, char *command, size_t size)
{
    const char *build = getenv("SQUIRE_BUILD");

    snprintf(command, size, "%s%sfake_helper %s", build ? build : ".",
             build ? "/test/" : "/", args);
}

void
poolCreate(const char *args)
{
    char command[1024];

    formatFake(args, command, sizeof(command));
    poolCreateProgram(command);
}

int
poolReconfigure(const char *args)
{
    const char *argv[32];
    char command[1024];

    formatFake(args, command, sizeof(command));
    splitWords(command, argv);
    poolConfig.argv = argv;
    return helperPoolReconfigure(pool, &poolConfig);
}

void
poolRecord(const HelperReply *reply, void *data)
{
    PoolAnswer *answer = &poolAnswers[poolAnswerCount];
    const char *message = helperReplyGet(reply, "message");

    cr_assert_lt(poolAnswerCount, POOL_ANSWERS_MAX);
    answer->tag = (int)(intptr_t)data;
    answer->result = reply->result;
    answer->source = reply->source;
    snprintf(answer->text, sizeof(answer->text), "%s", reply->text);
    snprintf(answer->message, sizeof(answer->message), "%s",
             message ? message : reply->message);
    poolAnswerCount++;
    isReached = poolAnswerCount >= wanted;
}

int
poolSubmit(const char *line, int tag)
{
    return helperSubmit(pool, line, poolRecord, (void *)(intptr_t)tag);
}

bool
poolRunUntil(int answers)
{
    wanted = answers;
    isReached = poolAnswerCount >= wanted;
    return supportRunUntil(&isReached, POOL_WAIT_MS);
}

bool
poolRunUntilStopped(void)
{
    for (int ms = 0; ms < POOL_WAIT_MS; ms += 5) {
        if (helperPoolIsStopped(pool))
            return true;
        (void)supportRunLoop(5);
    }
    return false;
}

void
poolWaitForActive(unsigned count)
{
    for (int ms = 0; ms < POOL_WAIT_MS && poolStats().active != count; ms += 2)
        (void)supportRunLoop(2);
    cr_assert_eq(poolStats().active, count);
}

void
poolWaitForRestarts(unsigned count)
{
    for (int ms = 0; ms < POOL_WAIT_MS && poolStats().restarts < count; ms += 2)
        (void)supportRunLoop(2);
    cr_assert_geq(poolStats().restarts, count);
}

const PoolAnswer *
poolAnswer(int tag)
{
    const PoolAnswer *found = NULL;

    for (int i = 0; i < poolAnswerCount; i++) {
        if (poolAnswers[i].tag != tag)
            continue;
        cr_assert_null(found, "two answers to %d", tag);
        found = &poolAnswers[i];
    }
    cr_assert_not_null(found, "no answer to %d", tag);
    return found;
}

HelperPoolStats
poolStats(void)
{
    HelperPoolStats stats;

    helperPoolStats(pool, &stats);
    return stats;
}

void
poolSubmitLines(int count)
{
    char line[32];

    for (int i = 0; i < count; i++) {
        snprintf(line, sizeof(line), "line %d", i);
        cr_assert_eq(poolSubmit(line, i), 0);
    }
}

void
poolExpectLines(int count)
{
    char line[32];

    cr_assert(poolRunUntil(count));
    for (int i = 0; i < count; i++) {
        const PoolAnswer *answer = poolAnswer(i);
        snprintf(line, sizeof(line), "line %d", i);
        cr_assert_eq(answer->result, HELPER_OK, "%d: %s %s", i,
                     helperProtoResultName(answer->result), answer->message);
        cr_assert_str_eq(answer->message, line);
    }
}
