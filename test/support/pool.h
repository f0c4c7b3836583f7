/*
 * pool.h: what tests of helper pools share: a pool over fake_helper, and a
 * record of the answers. Thread: the test's main thread.
 */
#ifndef SQUIRE_SUPPORT_POOL_H
#define SQUIRE_SUPPORT_POOL_H

#include "helper.h"

#define POOL_ANSWERS_MAX 4096
#define POOL_WAIT_MS 20000 /* generous: the machine may be busy */

typedef struct PoolAnswer {
    int tag; /* of the request */
    HelperResult result;
    HelperSource source;
    char text[200];
    char message[200]; /* the pair, or else the free text */
} PoolAnswer;

extern HelperConfig poolConfig;
extern HelperPool *pool;
extern PoolAnswer poolAnswers[POOL_ANSWERS_MAX];
extern int poolAnswerCount;

/* Fixture: a loop, and poolConfig with defaults for fake_helper. */
void poolInit(void);

/* Fixture: destroy the pool, end the loop, look for leaks. */
void poolFini(void);

/* Create the pool for fake_helper with arguments in one text. */
void poolCreate(const char *args);

/* Create it for any program: path and arguments in one text. */
void poolCreateProgram(const char *command);

/* Reconfigure it by poolConfig, for fake_helper with other arguments. */
int poolReconfigure(const char *args);

/* Submit a line; its answer is recorded under tag. */
int poolSubmit(const char *line, int tag);

/* The callback that records; data is the tag. */
HelperReplyCb poolRecord;

/* Run the loop until so many answers are there; false when they do not
 * come. */
bool poolRunUntil(int answers);

/* Run the loop until the stopped pool has no process left. */
bool poolRunUntilStopped(void);

/* Run the loop until the pool has so many processes; the test fails when it
 * does not come to that. */
void poolWaitForActive(unsigned count);

/* Run the loop until so many processes have died. */
void poolWaitForRestarts(unsigned count);

/* The answer to the request with this tag; the test fails when there is not
 * exactly one. */
const PoolAnswer *poolAnswer(int tag);

/* The pool's figures. */
HelperPoolStats poolStats(void);

/* Fail unless the answers are one OK for each tag 0 .. count - 1, whose
 * message is the line `line N`. */
void poolExpectLines(int count);

/* Submit `line 0` .. `line count - 1`. */
void poolSubmitLines(int count);

#endif
